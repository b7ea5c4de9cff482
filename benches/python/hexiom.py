"""A puzzle on a hexagonal board: tiles say how many neighbours they have; solved by constraint and backtracking."""


def board(size):
    """Cells of a hexagon, as axial coordinates, and the neighbours of each."""
    cells = [
        (q, r)
        for q in range(-size + 1, size)
        for r in range(-size + 1, size)
        if abs(q + r) < size
    ]
    index = {cell: i for i, cell in enumerate(cells)}
    around = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, -1), (-1, 1)]
    near = [[index[q + a, r + b] for a, b in around if (q + a, r + b) in index] for q, r in cells]
    return cells, near


EMPTY = 7


class Solver:
    def __init__(self, size, counts):
        self.cells, self.near = board(size)
        self.left = dict(counts)
        self.placed = [None] * len(self.cells)
        self.steps = 0
        # Cells in the order of a walk, so that those before are neighbours.
        self.order = sorted(range(len(self.cells)), key=lambda i: (len(self.near[i]), i))

    def allowed(self, at):
        """The tiles that fit a cell, given what is around it."""
        tiles, open_cells = 0, 0
        for near in self.near[at]:
            value = self.placed[near]
            if value is None:
                open_cells += 1
            elif value != EMPTY:
                tiles += 1
        fitting = []
        for value, left in self.left.items():
            if left and (value == EMPTY or tiles <= value <= tiles + open_cells):
                fitting.append(value)
        return fitting

    def consistent(self, at):
        """Whether the tiles around a cell can still have their numbers."""
        for cell in [at, *self.near[at]]:
            value = self.placed[cell]
            if value is None or value == EMPTY:
                continue
            tiles, open_cells = 0, 0
            for near in self.near[cell]:
                other = self.placed[near]
                if other is None:
                    open_cells += 1
                elif other != EMPTY:
                    tiles += 1
            if not tiles <= value <= tiles + open_cells:
                return False
        return True

    def next_cell(self):
        best, options = None, None
        for at in self.order:
            if self.placed[at] is None:
                fitting = self.allowed(at)
                if options is None or len(fitting) < len(options):
                    best, options = at, fitting
                    if len(fitting) < 2:
                        break
        return best, options

    def solve(self):
        self.steps += 1
        at, options = self.next_cell()
        if at is None:
            return True
        for value in options:
            self.placed[at] = value
            self.left[value] -= 1
            if self.consistent(at) and self.solve():
                return True
            self.left[value] += 1
            self.placed[at] = None
        return False


def puzzle(size, holes):
    """The counts of tiles of a board with these holes: it has a solution."""
    cells, near = board(size)
    counts = {value: 0 for value in range(EMPTY + 1)}
    for i in range(len(cells)):
        value = EMPTY if i in holes else sum(1 for n in near[i] if n not in holes)
        counts[value] += 1
    return counts


def main():
    for size, holes in [
        (3, {3, 4, 9, 10, 14}),
        (3, {0, 5, 9, 12, 18}),
        (3, {1, 7, 11, 15}),
        (4, {2, 5, 8, 11, 13, 17, 18, 19, 22, 28, 31}),
        (4, {1, 4, 6, 12, 18, 20, 23, 27, 30, 34, 35}),
    ]:
        solver = Solver(size, puzzle(size, holes))
        solved = solver.solve()
        print(size, solved, solver.steps, "".join(map(str, solver.placed)) if solved else "")


main()
