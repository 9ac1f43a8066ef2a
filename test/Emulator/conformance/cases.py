"""All conformance cases."""

from . import cases_copy
from . import cases_matrix
from . import cases_plain
from . import cases_scalar
from . import cases_warp
from . import cases_wgmma


#: Cases by the file that their recorded results are in.
GROUPS = {"warp": cases_warp.cases, "scalar": cases_scalar.cases, "matrix": cases_matrix.cases,
          "wgmma": cases_wgmma.cases,
          "copy": cases_copy.cases, "plain": cases_plain.cases}


def all_cases():
    return [case for group in GROUPS.values() for case in group()]
