// The module "faasm" of functions in JavaScript. See README.md.
import * as host from "faasm:host";

const encoded = (text) => {
    const escaped = unescape(encodeURIComponent(String(text).toWellFormed()));
    return Uint8Array.from(escaped, (c) => c.charCodeAt(0)).buffer;
};

const decoded = (bytes) => {
    let text = "";
    for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return decodeURIComponent(escape(text));
};

// What scripts may hand over as bytes: text, an ArrayBuffer, an array of numbers of any type.
const bufferOf = (data) => {
    if (data === undefined || data === null) return new ArrayBuffer(0);
    if (data instanceof ArrayBuffer) return data;
    if (ArrayBuffer.isView(data)) return data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
    return encoded(data);
};

const checkedKey = (key) => {
    const text = String(key);
    if (text.includes("\0")) throw new TypeError("a key or name contains NUL");
    return text;
};

const checkedSize = (number, what) => {
    if (!Number.isInteger(number) || number < 0 || number > 0x7fffffff) throw new RangeError(`${what}: ${number}`);
    return number;
};

export const input = () => new Uint8Array(host.input());
export const inputText = () => decoded(input());
export const output = (data) => host.output(bufferOf(data));
export const encode = (text) => new Uint8Array(encoded(text));
export const decode = (bytes) => decoded(new Uint8Array(bufferOf(bytes)));

/** What a chained call answered. */
export class Output {
    constructor(code, buffer) {
        this.code = code;
        this.bytes = new Uint8Array(buffer);
    }
    get text() {
        return decoded(this.bytes);
    }
}

/** A call that returned another code than 0. */
export class CallError extends Error {
    constructor(output) {
        super(`the call returned ${output.code}: ${output.text}`);
        this.name = "CallError";
        this.output = output;
    }
}

/** A call that was begun. It can be awaited, which is `wait`, and throws where the call failed. */
export class Call {
    #id;
    #output;
    constructor(id) {
        this.#id = id;
    }
    /** Waits for the call to end, with whatever return code. */
    wait() {
        return (this.#output ??= new Output(...host.await(this.#id)));
    }
    then(resolve, reject) {
        const output = this.wait();
        const ended = output.code === 0 ? Promise.resolve(output) : Promise.reject(new CallError(output));
        return ended.then(resolve, reject);
    }
}

/** Calls another function of the same user. */
export const chain = (name, data) => new Call(host.chain(checkedKey(name), bufferOf(data)));

/** Calls a function that this module exports, in a Faaslet of its own, which starts from the snapshot. */
export const chainOwn = (exported, data) => {
    const name = encoded(checkedKey(typeof exported === "function" ? exported.name : exported) + "\0");
    const bytes = bufferOf(data);
    const both = new Uint8Array(name.byteLength + bytes.byteLength);
    both.set(new Uint8Array(name));
    both.set(new Uint8Array(bytes), name.byteLength);
    return new Call(host.chain(null, both.buffer));
};

export const stateSize = (key) => host.size(checkedKey(key));
export const getState = (key) => new Uint8Array(host.read(checkedKey(key)));
export const setState = (key, data) => host.write(checkedKey(key), bufferOf(data));
export const getStateAt = (key, size, offset, length) =>
    new Uint8Array(
        host.readAt(checkedKey(key), checkedSize(size, "size"), checkedSize(offset, "offset"), checkedSize(length, "length")),
    );
export const setStateAt = (key, size, offset, data) =>
    host.writeAt(checkedKey(key), bufferOf(data), checkedSize(size, "size"), checkedSize(offset, "offset"));
export const append = (key, data) => host.append(checkedKey(key), bufferOf(data));
export const appended = (key, n, size) =>
    new Uint8Array(host.appended(checkedKey(key), checkedSize(n, "elements"), checkedSize(size, "size")));
export const clearAppended = (key) => host.clear(checkedKey(key));

/**
 * A value, or a part of one, in memory that all Faaslets of this host share. `buffer` is that memory itself: an
 * ArrayBuffer without a copy.
 */
export class State {
    #key;
    #size;
    #offset;
    constructor(key, size, offset = 0, length = size - offset) {
        this.#key = checkedKey(key);
        this.#size = checkedSize(size, "size");
        this.#offset = checkedSize(offset, "offset");
        if (checkedSize(length, "length") === 0 || offset + length > size) throw new RangeError("no such part of the value");
        this.buffer = host.map(this.#key, size, offset, length);
    }
    /** Says that bytes of `buffer` were written, so that `pushWritten` sends them. */
    written(offset = 0, length = this.buffer.byteLength - offset) {
        if (checkedSize(offset, "offset") + checkedSize(length, "length") > this.buffer.byteLength)
            throw new RangeError("no such part of the value");
        host.written(this.#key, this.#size, this.#offset + offset, length);
    }
    /** Sends the whole value to the global tier. */
    push() {
        this.written();
        host.push(this.#key);
    }
    pushWritten() {
        host.pushWritten(this.#key);
    }
    pull() {
        host.pull(this.#key, this.#size);
    }
    /** Calls `f` with the value's lock, alone on this host; its result. */
    locked(f) {
        host.lockWrite(this.#key);
        try {
            return f(this);
        } finally {
            host.unlockWrite(this.#key);
        }
    }
    /** The same, together with other readers. */
    reading(f) {
        host.lockRead(this.#key);
        try {
            return f(this);
        } finally {
            host.unlockRead(this.#key);
        }
    }
}

const shown = (values) => values.map((v) => (typeof v === "object" && v !== null ? JSON.stringify(v) : String(v))).join(" ");

globalThis.console = {
    log: (...values) => host.print(1, shown(values)),
    error: (...values) => host.print(2, shown(values)),
};
globalThis.print = console.log;
Math.random = host.random;

// Runs an export: what it returns is the output, or, where it is a number, the return code.
globalThis.__faasm_run = async (exported, name) => {
    if (typeof exported !== "function") throw new TypeError(`the module exports no function '${name}'`);
    const result = await exported(input());
    if (typeof result === "number") return checkedSize(result, "return code");
    if (result !== undefined) output(result);
    return 0;
};
