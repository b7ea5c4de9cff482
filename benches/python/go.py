"""Go on a small board, played by random games in a tree of moves: sets, lists, objects."""
import math
import random

SIZE = 9
EMPTY, BLACK, WHITE = 0, 1, 2
PASS = -1


def neighbours(at):
    row, column = divmod(at, SIZE)
    found = []
    if row > 0:
        found.append(at - SIZE)
    if row < SIZE - 1:
        found.append(at + SIZE)
    if column > 0:
        found.append(at - 1)
    if column < SIZE - 1:
        found.append(at + 1)
    return tuple(found)


NEXT = [neighbours(at) for at in range(SIZE * SIZE)]


class Board:
    def __init__(self):
        self.stones = [EMPTY] * (SIZE * SIZE)
        self.empty = set(range(SIZE * SIZE))
        self.colour = BLACK
        self.ko = None
        self.passes = 0
        self.captured = [0, 0, 0]

    def copy(self):
        other = Board.__new__(Board)
        other.stones = self.stones[:]
        other.empty = set(self.empty)
        other.colour = self.colour
        other.ko = self.ko
        other.passes = self.passes
        other.captured = self.captured[:]
        return other

    def group(self, at):
        """The stones connected to one, or `None` if they have a liberty."""
        colour = self.stones[at]
        seen, todo = {at}, [at]
        while todo:
            for near in NEXT[todo.pop()]:
                stone = self.stones[near]
                if stone == EMPTY:
                    return None
                if stone == colour and near not in seen:
                    seen.add(near)
                    todo.append(near)
        return seen

    def is_eye(self, at):
        colour = self.colour
        for near in NEXT[at]:
            if self.stones[near] != colour:
                return False
        return True

    def play(self, at):
        """Whether the move is legal; it is made then."""
        if at == PASS:
            self.passes += 1
            self.ko = None
            self.colour = 3 - self.colour
            return True
        if at == self.ko:
            return False
        self.stones[at] = self.colour
        taken = []
        for near in NEXT[at]:
            if self.stones[near] == 3 - self.colour:
                dead = self.group(near)
                if dead:
                    for each in dead:
                        self.stones[each] = EMPTY
                    taken.extend(dead)
        if not taken and self.group(at) is not None:
            self.stones[at] = EMPTY
            return False
        self.empty.discard(at)
        self.empty.update(taken)
        self.captured[self.colour] += len(taken)
        self.ko = taken[0] if len(taken) == 1 else None
        self.passes = 0
        self.colour = 3 - self.colour
        return True

    def random_move(self, rng):
        choices = sorted(self.empty)
        for _ in range(len(choices)):
            index = int(rng.random() * len(choices))
            at = choices[index]
            choices[index] = choices[-1]
            choices.pop()
            if not self.is_eye(at) and self.play(at):
                return at
        self.play(PASS)
        return PASS

    def score(self):
        """Black's points over white's, with a komi."""
        points = [0, 0, 0]
        for at, stone in enumerate(self.stones):
            if stone == EMPTY:
                around = {self.stones[near] for near in NEXT[at]}
                if len(around) == 1:
                    stone = around.pop()
            points[stone] += 1
        return points[BLACK] - points[WHITE] - 5.5


class Node:
    def __init__(self):
        self.wins = 0
        self.games = 0
        self.children = {}

    def bound(self, total):
        if not self.games:
            return 2.0
        return self.wins / self.games + math.sqrt(0.5 * math.log(total) / self.games)


def playout(board, root, rng):
    path, node = [root], root
    while node.games > 3 and board.passes < 2:
        for at in board.empty:
            if at not in node.children and at != board.ko:
                node.children[at] = Node()
        if not node.children:
            break
        at, node = max(node.children.items(), key=lambda item: (item[1].bound(path[-1].games), item[0]))
        if not board.play(at):
            board.play(PASS)
        path.append(node)
    moves = 0
    while board.passes < 2 and moves < 3 * SIZE * SIZE:
        board.random_move(rng)
        moves += 1
    black_won = board.score() > 0
    for depth, each in enumerate(path):
        each.games += 1
        each.wins += black_won == (depth % 2 == 1)
    return moves


def main():
    rng = random.Random(7)
    board = Board()
    for at in (40, 22, 58, 38):
        board.play(at)
    root, moves = Node(), 0
    for _ in range(380):
        moves += playout(board.copy(), root, rng)
    best = max(root.children.items(), key=lambda item: (item[1].games, item[0]))
    print("moves", moves, "best", best[0], "games", best[1].games, "wins", root.wins)


main()
