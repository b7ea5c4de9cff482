// What the module "faasm" promises, each with a name. Output: "ok NAME" for each;
// fails where one does not hold.
import * as faasm from "faasm";

// The top level runs once, before the snapshot: every call starts from this.
const table = new Map(Array.from({ length: 1000 }, (_, i) => [`number ${i}`, i * i]));
let began = 1;
const early = Math.random();

export function doubles(bytes) {
    if (began !== 1) throw new Error("this is not the snapshot");
    began = 5;
    return String(2 * Number(faasm.decode(bytes)));
}

export const codes = () => {
    faasm.output("the reason");
    return 42;
};

export async function throws() {
    await null;
    throw new RangeError("as was asked for");
}

export function draws() {
    return String(Math.random());
}

export function adds() {
    const state = new faasm.State("js.lock", 8);
    const [view] = [new Float64Array(state.buffer)];
    for (let i = 0; i < 50; i++) state.locked(() => view[0]++);
}

const checks = {
    snapshot: () => table.get("number 30") === 900 && began === 1,
    bytes: () => faasm.decode(faasm.encode("grüße €𝄞")) === "grüße €𝄞" && faasm.encode("é").length === 2,
    copies() {
        faasm.setState("js.copies", "0123456789");
        faasm.setStateAt("js.copies", 10, 3, "abc");
        return (
            faasm.decode(faasm.getState("js.copies")) === "012abc6789" &&
            faasm.decode(faasm.getStateAt("js.copies", 10, 2, 4)) === "2abc" &&
            faasm.stateSize("js.copies") === 10 &&
            faasm.getState("js.nothing").length === 0
        );
    },
    mapped() {
        faasm.setState("js.mapped", new Uint8Array(80));
        const one = new Float64Array(new faasm.State("js.mapped", 80).buffer);
        const other = new Float64Array(new faasm.State("js.mapped", 80).buffer);
        const part = new faasm.State("js.mapped", 80, 24, 8);
        one[3] = 2.5;
        const copy = new Float64Array(faasm.getState("js.mapped").buffer);
        return other[3] === 2.5 && new DataView(part.buffer).getFloat64(0, true) === 2.5 && copy[3] === 2.5;
    },
    refused() {
        const refusals = [
            () => new faasm.State("js.mapped", 80, 78, 4),
            () => new faasm.State("js.mapped", 0),
            () => new faasm.State("js.mapped", -1),
            () => faasm.getState("a\0b"),
            () => new faasm.State("js.mapped", 80).written(79, 2),
        ];
        return refusals.every((f) => {
            try {
                f();
            } catch (error) {
                return error instanceof RangeError || error instanceof TypeError;
            }
            return false;
        });
    },
    tiers() {
        faasm.setState("js.tiers", "AAAABBBB");
        const state = new faasm.State("js.tiers", 8);
        state.push();
        new Uint8Array(state.buffer).set([120, 121], 0);
        state.written(0, 1);
        state.pushWritten();
        state.pull();
        return faasm.decode(state.buffer).startsWith("x") && faasm.decode(state.buffer).endsWith("BBBB");
    },
    appended() {
        faasm.clearAppended("js.list");
        for (const word of ["one", "two", "six"]) faasm.append("js.list", word);
        return faasm.decode(faasm.appended("js.list", 3, 3)) === "onetwosix";
    },
    async chained() {
        const calls = Array.from({ length: 8 }, (_, i) => faasm.chainOwn(doubles, String(i)));
        const answers = await Promise.all(calls);
        return answers.map((answer) => answer.text).join() === "0,2,4,6,8,10,12,14" && began === 1;
    },
    async failures() {
        const ended = faasm.chainOwn("codes").wait();
        const error = await faasm.chainOwn(throws).then(
            () => null,
            (e) => e,
        );
        const absent = faasm.chainOwn("nobody").wait();
        return (
            ended.code === 42 &&
            ended.text === "the reason" &&
            error instanceof faasm.CallError &&
            error.output.text.includes("as was asked for") &&
            absent.code === 1 &&
            absent.text.includes("nobody")
        );
    },
    async random() {
        const drawn = [0, 1, 2, 3].map(() => faasm.chainOwn(draws));
        const numbers = new Set((await Promise.all(drawn)).map((answer) => answer.text));
        return numbers.size === 4 && !numbers.has(String(early)) && Math.random() !== Math.random();
    },
    async locks() {
        faasm.setState("js.lock", new Uint8Array(8));
        await Promise.all([0, 1, 2, 3].map(() => faasm.chainOwn(adds)));
        const state = new faasm.State("js.lock", 8);
        return state.reading(() => new Float64Array(state.buffer)[0]) === 200;
    },
    async named() {
        return (await faasm.chain("javascript-echo", "über den Namen")).text === "über den Namen";
    },
};

export async function main() {
    console.log("checks begin", { of: Object.keys(checks).length });
    const lines = [];
    for (const [name, check] of Object.entries(checks)) {
        const good = await Promise.resolve(check()).catch((error) => error.message);
        lines.push(good === true ? `ok ${name}` : `FAILED ${name}: ${good}`);
    }
    faasm.output(lines.join("\n"));
    return lines.filter((line) => !line.startsWith("ok ")).length;
}
