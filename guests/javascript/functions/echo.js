// Output: the input. With input "throw", throws.
import { decode } from "faasm";

export function main(input) {
    if (decode(input) === "throw") throw new Error("as was asked for");
    return input;
}
