# Programs that tests and the Python package use; the compiler needs neither.

# The interpreter of the environment that scripts/setup.sh makes, where there is
# one. Looked up at every configure: the environment may come after the build.
set(QUANTMLIR_PYTHON "" CACHE FILEPATH "Python with the packages of python/requirements.txt")
if(NOT QUANTMLIR_PYTHON)
  foreach(candidate "$ENV{QUANTMLIR_VENV}/bin/python" "${PROJECT_SOURCE_DIR}/.venv/bin/python")
    if(EXISTS "${candidate}")
      set(QUANTMLIR_PYTHON "${candidate}")
      break()
    endif()
  endforeach()
endif()
if(NOT QUANTMLIR_PYTHON)
  find_program(QUANTMLIR_PYTHON3 python3)
  set(QUANTMLIR_PYTHON "${QUANTMLIR_PYTHON3}")
endif()

# Not required here: without it the tests that assemble PTX fail, and say so.
get_filename_component(QUANTMLIR_PYTHON_BIN "${QUANTMLIR_PYTHON}" DIRECTORY)
find_program(QUANTMLIR_PTXAS ptxas
  HINTS "${QUANTMLIR_PYTHON_BIN}" "$ENV{CUDA_HOME}/bin" /usr/local/cuda/bin)
message(STATUS "Python: ${QUANTMLIR_PYTHON}; ptxas: ${QUANTMLIR_PTXAS}")
