// A function: greets, and counts in state how often it did.
import { State, decode } from "faasm";

export function main(input) {
    const state = new State("greetings", 8);
    const count = new Float64Array(state.buffer);
    const number = state.locked(() => ++count[0]);
    return `Hello, ${decode(input)}! You are number ${number}.`;
}
