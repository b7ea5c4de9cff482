// Functions of Faasm in AssemblyScript. See the README beside this package.

// What asc's option --use names must be there.
import "./abort";

export * from "./call";
export * from "./chain";
export * from "./print";
export * from "./state";
