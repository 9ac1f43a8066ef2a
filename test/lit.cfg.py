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
