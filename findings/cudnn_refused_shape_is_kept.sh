#!/usr/bin/env bash
# cuDNN 9.28.1.4 (PyPI nvidia-cudnn-cu13; 9.19.0.56 does the same), no GPU needed.
#
# A setter of a tensor descriptor that answers with an error may have changed the descriptor. After
# cudnnSetTensor4dDescriptor has refused a tensor of 2^34 elements (NOT_SUPPORTED), the getter
# reports that tensor, with success; the shape that was set before is gone. Where
# cudnnSetTensorNdDescriptor stops at a dimension of 0 (BAD_PARAM), the dimensions in front of it
# are the new ones and those behind it the old ones: a shape that nobody has set.
# One would expect a refused call to leave its object alone, as it does if a format, a type or a
# stride is wrong.
#
# Seen:
#   set 2x3x4x5: status 0
#   set 65536x65536x4x5: status 3000, descriptor 65536x65536x4x5
#   set 7x7x7x0x7 after 2x3x4x5x6: status 2000, descriptor 7x7x7x5x6
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$folder" \
  'nvidia-cudnn-cu13==9.28.1.4'
python3 -m zipfile -e "$folder"/nvidia_cudnn_cu13-*.whl "$folder"
cat >"$folder/ask.py" <<'PYTHON'
import ctypes
import sys

cudnn = ctypes.CDLL(sys.argv[1], mode=ctypes.RTLD_GLOBAL)
NCHW, FLOAT = 0, 0


def ints(*values):
    return (ctypes.c_int * len(values))(*values)


def shape():
    kind, rank, dims, strides = ctypes.c_int(), ctypes.c_int(), ints(*[0] * 8), ints(*[0] * 8)
    status = cudnn.cudnnGetTensorNdDescriptor(descriptor, 8, ctypes.byref(kind), ctypes.byref(rank),
                                              dims, strides)
    assert status == 0, status
    return "x".join(str(d) for d in dims[:rank.value])


descriptor = ctypes.c_void_p()
assert cudnn.cudnnCreateTensorDescriptor(ctypes.byref(descriptor)) == 0
status = cudnn.cudnnSetTensor4dDescriptor(descriptor, NCHW, FLOAT, 2, 3, 4, 5)
print(f"set 2x3x4x5: status {status}")
status = cudnn.cudnnSetTensor4dDescriptor(descriptor, NCHW, FLOAT, 65536, 65536, 4, 5)
print(f"set 65536x65536x4x5: status {status}, descriptor {shape()}")
strides = ints(360, 120, 30, 6, 1)
assert cudnn.cudnnSetTensorNdDescriptor(descriptor, FLOAT, 5, ints(2, 3, 4, 5, 6), strides) == 0
status = cudnn.cudnnSetTensorNdDescriptor(descriptor, FLOAT, 5, ints(7, 7, 7, 0, 7), strides)
print(f"set 7x7x7x0x7 after 2x3x4x5x6: status {status}, descriptor {shape()}")
PYTHON
python3 "$folder/ask.py" "$folder/nvidia/cudnn/lib/libcudnn.so.9" | tee "$folder/seen"
diff - "$folder/seen" <<'EXPECTED'
set 2x3x4x5: status 0
set 65536x65536x4x5: status 3000, descriptor 65536x65536x4x5
set 7x7x7x0x7 after 2x3x4x5x6: status 2000, descriptor 7x7x7x5x6
EXPECTED
echo "as described"
