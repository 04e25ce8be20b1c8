"""Writes safetensors-python.safetensors: what Python's safetensors writes, for our reader to read.

python3 -m venv venv && venv/bin/pip install numpy==2.4.6 ml_dtypes==0.6.0 safetensors==0.8.0
venv/bin/python test/reference/make-safetensors-fixture.py test/reference/safetensors-python.safetensors
"""

import sys

import ml_dtypes
import numpy as np
from safetensors.numpy import save_file

HALVES = [0.0, -0.0, 1.0, -2.5, 65504.0, 2.0**-24, 1023 * 2.0**-24, np.inf, -np.inf, np.nan]
# as bits: 0, -0, 1, -2.5, largest, smallest and largest subnormal, infinities, NaN
BRAINS = [0x0000, 0x8000, 0x3F80, 0xC020, 0x7F7F, 0x0001, 0x007F, 0x7F80, 0xFF80, 0x7FC0]

save_file(
    {
        "f32": np.array([[1.5, -2, 3], [1e-45, np.inf, 0.1]], np.float32),
        "f16": np.array(HALVES, np.float16).reshape(2, 5),
        "bf16": np.array(BRAINS, np.uint16).view(ml_dtypes.bfloat16),
        "i32": np.array([1, -2, 2**31 - 1], np.int32),
        "i64": np.array([2**53 - 1, -(2**40)], np.int64),
        "bool": np.array([True, False, True]),
        "u8": np.array([0, 255], np.uint8),
        "scalar": np.array(0.25, np.float32),
        "empty": np.zeros((0, 3), np.float32),
        "größe ✓": np.array([7], np.float32),
    },
    sys.argv[1],
    {"made by": "Python's safetensors"},
)
