# lit configuration: every .mlir file below test/ is a test.
import os

import lit.formats

config.name = "quant-mlir"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "CMakeLists.txt", "lit.cfg.py"]
config.test_source_root = os.path.join(config.quantmlir_src_root, "test")
config.test_exec_root = os.path.join(config.quantmlir_obj_root, "test")
config.environment["PATH"] = os.pathsep.join(
    [
        os.path.join(config.quantmlir_obj_root, "bin"),
        config.llvm_tools_dir,
        config.environment.get("PATH", ""),
    ]
)
# Tests that need Python or ptxas fail without them; they are never skipped.
config.substitutions.append(("%python", config.python or "python-not-found"))
config.substitutions.append(("%ptxas", config.ptxas or "ptxas-not-found"))
# quant-compile --cubin looks here first.
config.environment["QUANTMLIR_PTXAS"] = config.ptxas
config.substitutions.append(("%build_dir", config.quantmlir_obj_root))
config.substitutions.append(("%source_dir", config.quantmlir_src_root))
# What the caller says about devices and sanitizers reaches the tests.
for variable in ("CUDA_VISIBLE_DEVICES", "ASAN_OPTIONS", "UBSAN_OPTIONS"):
    if variable in os.environ:
        config.environment[variable] = os.environ[variable]
