// Some real work: classes, generators, regular expressions, big integers, JSON,
// promises, typed arrays, exceptions, files. An argument is a path to write to and
// read from. Prints example.out.
class Graph {
    #edges = new Map();
    add(from, to, weight) {
        for (const [a, b] of [[from, to], [to, from]]) {
            if (!this.#edges.has(a)) this.#edges.set(a, []);
            this.#edges.get(a).push([b, weight]);
        }
    }
    shortest(start) {
        const distance = new Map([[start, 0]]);
        const open = new Set([start]);
        while (open.size > 0) {
            const next = [...open].reduce((a, b) => (distance.get(a) <= distance.get(b) ? a : b));
            open.delete(next);
            for (const [to, weight] of this.#edges.get(next)) {
                const length = distance.get(next) + weight;
                if (length < (distance.get(to) ?? Infinity)) {
                    distance.set(to, length);
                    open.add(to);
                }
            }
        }
        return distance;
    }
}

const graph = new Graph();
for (let i = 0; i < 300; i++) {
    graph.add(i, (i * 7 + 1) % 300, (i % 11) + 1);
    graph.add(i, (i * 13 + 5) % 300, (i % 17) + 1);
}
const far = [...graph.shortest(0)].sort((a, b) => b[1] - a[1] || a[0] - b[0])[0];
print("farthest", far.join(" at "));

function* primes() {
    for (let n = 2, found = []; ; n++) {
        if (found.every((p) => n % p !== 0)) {
            found.push(n);
            yield n;
        }
    }
}
let sum = 0;
for (const p of primes()) {
    if (p > 2000) break;
    sum += p;
}
print("primes", sum);

let factorial = 1n;
for (let i = 2n; i <= 200n; i++) factorial *= i;
print("200!", String(factorial).length, "digits, ends", String(factorial / 10n ** 49n).slice(-6));

const text = readFileOr("the quick brown fox jumps over the lazy dog, the end");
const counts = {};
for (const [word] of text.matchAll(/\p{L}+/gu)) counts[word] = (counts[word] ?? 0) + 1;
print("words", JSON.stringify(Object.entries(counts).sort((a, b) => b[1] - a[1]).slice(0, 2)));

const samples = Float64Array.from({ length: 1000 }, (_, i) => Math.sin(i / 10));
print("mean", samples.reduce((a, b) => a + b, 0).toFixed(6));

try {
    (function forever() {
        return forever() + 1;
    })();
} catch (error) {
    print("caught", error.name);
}

Promise.all([1, 2, 3].map(async (n) => n * n)).then((squares) => print("squares", squares.join()));

function readFileOr(otherwise) {
    if (scriptArgs.length === 0) return otherwise;
    writeFile(scriptArgs[0], otherwise);
    return readFile(scriptArgs[0]);
}
