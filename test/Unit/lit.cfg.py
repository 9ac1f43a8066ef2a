# Every GoogleTest program that quantmlir_add_unittest built is a suite here.
import lit.formats

config.name = "quant-mlir-unit"
config.suffixes = []
config.test_source_root = config.unit_dir
config.test_exec_root = config.unit_dir
config.test_format = lit.formats.GoogleTest(".", "Tests")
