// Output: the input. With input "throw", throws.
import { decode } from "faasm";

export function main(input) {
    // Bytes that are no text cannot be decoded.
    if (input.length === 5 && decode(input) === "throw") throw new Error("as was asked for");
    return input;
}
