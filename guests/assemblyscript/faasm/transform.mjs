// Exports the table under the name by which the host finds it, when a function of
// the module is chained by pointer.

import { Transform } from "assemblyscript/transform";

export default class ExportTable extends Transform {
  afterCompile(module) {
    module.removeExport("table");
    module.addTableExport("0", "__indirect_function_table");
  }
}
