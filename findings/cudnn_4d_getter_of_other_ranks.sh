#!/usr/bin/env bash
# cuDNN 9.28.1.4 (PyPI nvidia-cudnn-cu13; 9.19.0.56 does the same), no GPU needed.
#
# cudnnGetTensor4dDescriptor succeeds for a descriptor of any rank. Of a tensor of rank 5 it reports
# the first four dimensions and strides, so the innermost stride is not 1 and a product of the
# dimensions misses a factor. Of a tensor of rank 2 it reports the two, and behind them whatever an
# earlier and larger shape left in the same descriptor: two shapes mixed into one. An error would be
# expected, since no argument tells the caller the rank.
#
# Seen:
#   rank 5: status 0, dims 2 3 4 5, strides 360 120 30 6
#   rank 2 after rank 5: status 0, dims 7 8 4 5, strides 8 1 30 6
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
FLOAT = 0


def set_nd(dims, strides):
    rank = len(dims)
    status = cudnn.cudnnSetTensorNdDescriptor(descriptor, FLOAT, rank, (ctypes.c_int * rank)(*dims),
                                              (ctypes.c_int * rank)(*strides))
    assert status == 0, status


def report(what):
    values = [ctypes.c_int() for _ in range(9)]
    status = cudnn.cudnnGetTensor4dDescriptor(descriptor, *[ctypes.byref(v) for v in values])
    numbers = [v.value for v in values[1:]]
    print(f"{what}: status {status}, dims", *numbers[:3], f"{numbers[3]}, strides", *numbers[4:])


descriptor = ctypes.c_void_p()
assert cudnn.cudnnCreateTensorDescriptor(ctypes.byref(descriptor)) == 0
set_nd([2, 3, 4, 5, 6], [360, 120, 30, 6, 1])
report("rank 5")
set_nd([7, 8], [8, 1])
report("rank 2 after rank 5")
PYTHON
python3 "$folder/ask.py" "$folder/nvidia/cudnn/lib/libcudnn.so.9" | tee "$folder/seen"
diff - "$folder/seen" <<'EXPECTED'
rank 5: status 0, dims 2 3 4 5, strides 360 120 30 6
rank 2 after rank 5: status 0, dims 7 8 4 5, strides 8 1 30 6
EXPECTED
echo "as described"
