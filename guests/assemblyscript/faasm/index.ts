// Functions of Faasm in AssemblyScript. See the README beside this package.

// What asc's option --use names must be there.
import "./abort";

export * from "./call";
export * from "./chain";
export * from "./collections";
export * from "./integers";
export * from "./lock";
export * from "./matrix";
export * from "./print";
export * from "./sparse";
export * from "./state";
export * from "./vector";
