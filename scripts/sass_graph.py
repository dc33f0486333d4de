"""The machine code of the CUDA kernels as a graph of basic blocks, with its loops; for
sass_loops.py."""
import collections
import re

CODE = re.compile(r"\s*/\*([0-9a-f]{4,})\*/\s+(?:@(!?U?P\w+)\s+)?([A-Z0-9_]+)([.\w]*)\s*([^;]*);")
VECTORS_MAX = 32  # that an iteration moves
Instruction = collections.namedtuple("Instruction", "address predicate name modifiers operands")


def read_functions(text):
    """Instructions of each (function, arch)."""
    functions, arch, code = {}, 0, []
    for line in text.splitlines():
        if "/*" not in line:
            found = re.search(r"arch = sm_(\d+)", line)
            arch = int(found[1]) if found else arch
            found = re.match(r"\s*Function : (\S+)", line)
            if found:
                code = functions.setdefault((found[1], arch), [])
            continue
        found = CODE.match(line)
        if found:
            address, predicate, name, modifiers, operands = found.groups()
            code.append(Instruction(int(address, 16), predicate, name, modifiers, operands))
    return functions


def moves(instruction):
    """How an instruction moves a vector: copy, load, read (shared memory), store, or not at all."""
    name, modifiers = instruction.name, instruction.modifiers
    wide = ".128" in modifiers
    if name == "LDS":
        return "read" if wide or ".64" in modifiers else None
    return {"LDG": "load", "STG": "store", "LDGSTS": "copy"}.get(name) if wide else None


class Graph:
    """Basic blocks of a function: lists of instructions, and the blocks that follow each."""

    def __init__(self, code):
        targets, barriers, jumps = set(), {}, {}
        for number, i in enumerate(code):
            target = re.search(r"0x([0-9a-f]+)", i.operands)
            if i.name == "BSSY":
                barriers[re.match(r"\w+", i.operands)[0]] = int(target[1], 16)
            elif i.name in ("BRA", "JMP") and target:
                jumps[number] = int(target[1], 16)
            elif i.name == "BSYNC":  # Threads wait, and go on where BSSY said.
                jumps[number] = barriers.get(re.match(r"\w+", i.operands)[0], i.address + 16)
        targets.update(jumps.values())
        starts = [0] + [n for n in range(1, len(code)) if code[n].address in targets
                        or n - 1 in jumps or code[n - 1].name in ("EXIT", "RET", "BRX")]
        self.blocks = [code[a:b] for a, b in zip(starts, starts[1:] + [len(code)])]
        at = {block[0].address: n for n, block in enumerate(self.blocks)}
        self.next = []
        for n, (start, block) in enumerate(zip(starts, self.blocks)):
            last, number = block[-1], start + len(block) - 1
            after = [at[jumps[number]]] if jumps.get(number) in at else []
            leaves = number in jumps or last.name in ("EXIT", "RET", "BRX")
            conditional = last.predicate or re.match(r"!?U?P\d", last.operands)
            if n + 1 < len(self.blocks) and (not leaves or (conditional and last.name != "BSYNC")):
                after.append(n + 1)
            self.next.append(after)
        self.sort()

    def sort(self):
        """Numbers the blocks so that all but the edges back of loops go forward."""
        order, seen, stack = [], {0}, [(0, iter(self.next[0]))]
        while stack:
            block, rest = stack[-1]
            follower = next((f for f in rest if f not in seen), None)
            if follower is None:
                order.append(block)
                stack.pop()
            else:
                seen.add(follower)
                stack.append((follower, iter(self.next[follower])))
        self.order = order[::-1]
        self.rank = {block: n for n, block in enumerate(self.order)}
        self.before = collections.defaultdict(list)
        for block in self.order:
            for follower in self.next[block]:
                self.before[follower].append(block)

    def loops(self):
        """The blocks of every natural loop, by its first block."""
        every = (1 << len(self.blocks)) - 1
        dominators = dict.fromkeys(self.order, every)
        changed = True
        while changed:
            changed = False
            for block in self.order:
                common = every if block else 0
                for b in self.before[block]:
                    common &= dominators[b]
                changed |= dominators[block] != common | 1 << block
                dominators[block] = common | 1 << block
        found = {}
        for block in self.order:
            for head in self.next[block]:
                if dominators[block] >> head & 1:
                    body, left = found.setdefault(head, {head}), [block]
                    while left:
                        b = left.pop()
                        if b not in body:
                            body.add(b)
                            left += self.before[b]
        return found

    def cheapest(self, head, body, first, second, second_max):
        """The shortest way around a loop, of those with the most instructions for which first(i)
        holds and then the most for which second(i) does, up to second_max(number of first). And of
        those with half as many of the first, and as many of the second as then are allowed."""
        # Per block and numbers of both: instructions so far, and the step before.
        costs, best = collections.defaultdict(dict), {}
        costs[head][0, 0] = 0, None
        for block in sorted(body, key=self.rank.get):
            code = self.blocks[block]
            own = sum(map(first, code)), sum(map(second, code))
            for state, (cost, _) in costs[block].items():
                after = min(state[0] + own[0], VECTORS_MAX), state[1] + own[1]
                if after[1] > second_max(VECTORS_MAX):
                    continue
                for follower in self.next[block]:
                    if follower == head:
                        ways = best
                    elif follower in body and self.rank[follower] > self.rank[block]:
                        ways = costs[follower]
                    else:
                        continue
                    if cost + len(code) < ways.get(after, (1 << 30, 0))[0]:
                        ways[after] = cost + len(code), (block, state)
        ends = [state for state in best if state[1] <= second_max(state[0])]
        most = max(ends, default=(0, 0))
        half = most[0] // 2, second_max(most[0] // 2)
        return [self.steps(costs, best[end][1]) if end in best else [] for end in (most, half)]

    def steps(self, costs, step):
        way = []
        while step:
            block, state = step
            way = self.blocks[block] + way
            step = costs[block][state][1]
        return way

    def outermost(self, head, loops):
        """The largest loop around the one with this head, or none: its blocks."""
        around = [body for other, body in loops.items() if other != head and head in body]
        return max(around, key=len, default=None)

    def best(self, blocks, ends, weight, better, backward=False):
        """Of the ways that begin at `ends`, or with backward=True end there, and never go back: the
        sum of weight(block) along the best to each block. better() is the key of max()."""
        found, edges = {}, self.next if backward else self.before
        for block in sorted(blocks, key=self.rank.get, reverse=backward):
            so_far = [found[o] for o in edges[block] if o in found
                      and (self.rank[o] > self.rank[block]) == backward]
            if block in ends:
                so_far.append((0, 0, 0))
            if so_far:
                own, most = weight(block), max(so_far, key=better)
                found[block] = tuple(a + b for a, b in zip(own, most))
        return found
