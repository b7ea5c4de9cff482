"""An incremental solver of one-way constraints by strength (DeltaBlue's algorithm): classes, methods, lists."""

REQUIRED, STRONG_PREFERRED, PREFERRED, STRONG_DEFAULT, NORMAL, WEAK_DEFAULT, WEAKEST = range(7)


class Variable:
    def __init__(self, name, value=0):
        self.name = name
        self.value = value
        self.constraints = []
        self.determined_by = None
        self.mark = 0
        self.walk_strength = WEAKEST
        self.stay = True


class Constraint:
    """A constraint whose methods are numbered: `choice` is the one in use, `None` when unsatisfied."""

    is_input = False

    def __init__(self, strength, variables):
        self.strength = strength
        self.variables = variables
        self.choice = None

    def add_to(self, planner):
        for variable in self.variables:
            variable.constraints.append(self)
        self.choice = None
        planner.add(self)

    def destroy(self, planner):
        if self.choice is not None:
            planner.remove(self)
        for variable in self.variables:
            variable.constraints.remove(self)
        self.choice = None

    def outputs(self):
        """The variables that can be written."""
        return self.variables

    def output(self):
        return self.choice

    def inputs(self):
        choice = self.choice
        return [v for v in self.variables if v is not choice]

    def inputs_known(self, mark):
        for variable in self.inputs():
            if not (variable.mark == mark or variable.stay or variable.determined_by is None):
                return False
        return True

    def choose(self, mark):
        best = None
        for variable in self.outputs():
            if variable.mark != mark and self.strength < variable.walk_strength:
                if best is None or variable.walk_strength > best.walk_strength:
                    best = variable
        self.choice = best

    def satisfy(self, mark, planner):
        self.choose(mark)
        if self.choice is None:
            if self.strength == REQUIRED:
                raise ValueError("a required constraint cannot be met")
            return None
        for variable in self.inputs():
            variable.mark = mark
        out = self.choice
        overridden = out.determined_by
        if overridden is not None:
            overridden.choice = None
        out.determined_by = self
        if not planner.propagate(self, mark):
            raise ValueError("a cycle")
        out.mark = mark
        return overridden

    def recalculate(self):
        out = self.choice
        weakest, stay = self.strength, True
        for variable in self.inputs():
            weakest = max(weakest, variable.walk_strength)
            stay = stay and variable.stay
        out.walk_strength = weakest
        out.stay = stay
        if stay:
            self.execute()


class Stay(Constraint):
    def __init__(self, variable, strength):
        super().__init__(strength, [variable])

    def recalculate(self):
        out = self.choice
        out.walk_strength = self.strength
        out.stay = True

    def execute(self):
        pass


class Edit(Stay):
    is_input = True

    def recalculate(self):
        out = self.choice
        out.walk_strength = self.strength
        out.stay = False


class Equal(Constraint):
    def __init__(self, a, b, strength):
        super().__init__(strength, [a, b])

    def execute(self):
        a, b = self.variables
        if self.choice is b:
            b.value = a.value
        else:
            a.value = b.value


class Scale(Constraint):
    def __init__(self, source, scale, offset, target, strength):
        super().__init__(strength, [source, target, scale, offset])

    def outputs(self):
        return self.variables[:2]

    def execute(self):
        source, target, scale, offset = self.variables
        if self.choice is target:
            target.value = source.value * scale.value + offset.value
        else:
            source.value = (target.value - offset.value) // scale.value


class Planner:
    def __init__(self):
        self.last_mark = 0

    def new_mark(self):
        self.last_mark += 1
        return self.last_mark

    def add(self, constraint):
        mark = self.new_mark()
        while constraint is not None:
            constraint = constraint.satisfy(mark, self)

    def remove(self, constraint):
        out = constraint.choice
        constraint.choice = None
        for each in sorted(self.unsatisfied_from(out, constraint), key=lambda c: c.strength):
            self.add(each)

    def unsatisfied_from(self, out, gone):
        out.determined_by = None
        out.walk_strength = WEAKEST
        out.stay = True
        unsatisfied, todo = [], [out]
        while todo:
            variable = todo.pop()
            for constraint in variable.constraints:
                if constraint is gone:
                    continue
                if constraint.choice is None:
                    unsatisfied.append(constraint)
                elif constraint is not variable.determined_by:
                    constraint.recalculate()
                    todo.append(constraint.choice)
        return unsatisfied

    def propagate(self, constraint, mark):
        todo = [constraint]
        while todo:
            each = todo.pop()
            out = each.choice
            if out.mark == mark:
                return False
            each.recalculate()
            for next_one in out.constraints:
                if next_one is not out.determined_by and next_one.choice is not None:
                    todo.append(next_one)
        return True

    def plan(self, sources):
        mark = self.new_mark()
        plan, todo = [], list(sources)
        while todo:
            constraint = todo.pop()
            out = constraint.choice
            if out.mark != mark and constraint.inputs_known(mark):
                plan.append(constraint)
                out.mark = mark
                for each in out.constraints:
                    if each is not out.determined_by and each.choice is not None:
                        todo.append(each)
        return plan


def chain(n):
    """A long chain of equalities, edited at its start."""
    planner = Planner()
    variables = [Variable(f"v{i}") for i in range(n + 1)]
    for a, b in zip(variables, variables[1:]):
        Equal(a, b, REQUIRED).add_to(planner)
    Stay(variables[-1], STRONG_DEFAULT).add_to(planner)
    edit = Edit(variables[0], PREFERRED)
    edit.add_to(planner)
    plan = planner.plan([edit])
    for value in range(100):
        variables[0].value = value
        for constraint in plan:
            constraint.execute()
        if variables[-1].value != value:
            raise AssertionError("the chain is broken")
    edit.destroy(planner)
    return variables[-1].value


def change(planner, variable, value):
    edit = Edit(variable, PREFERRED)
    edit.add_to(planner)
    plan = planner.plan([edit])
    for _ in range(10):
        variable.value = value
        for constraint in plan:
            constraint.execute()
    edit.destroy(planner)


def projection(n):
    """Many points that are projected by one scale and offset, either of which is edited."""
    planner = Planner()
    scale, offset = Variable("scale", 10), Variable("offset", 1000)
    sources, targets = [], []
    for i in range(n):
        source, target = Variable(f"s{i}", i), Variable(f"t{i}", i)
        sources.append(source)
        targets.append(target)
        Stay(source, NORMAL).add_to(planner)
        Scale(source, scale, offset, target, REQUIRED).add_to(planner)
    change(planner, sources[0], 17)
    assert targets[0].value == 1170
    change(planner, targets[0], 1050)
    assert sources[0].value == 5
    change(planner, scale, 5)
    assert all(t.value == i * 5 + 1000 for i, t in enumerate(targets[1:-1], 1))
    change(planner, offset, 2000)
    assert all(t.value == i * 5 + 2000 for i, t in enumerate(targets[1:-1], 1))
    return sum(t.value for t in targets)


print("chain", [chain(n) for n in (300, 600, 900)])
print("projection", [projection(n) for n in (200, 400, 600)])
