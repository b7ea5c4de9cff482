# The initialisation: the modules that a runtime has, then the function's file.
import gc
import sys
import types

for name, source in @MODULES@:
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(source, f"<{name}>", "exec"), module.__dict__)
sys.argv[:] = sys.modules["_faasm"]._arguments()
sys.modules["_faasm"]._enter("_load")
del name, source, module
gc.collect()
gc.freeze()
