# Random bytes as blocks (scales kept finite), dequantised by the PyPI package gguf's numpy code.
import numpy as np, gguf, sys
from gguf.constants import GGMLQuantizationType as T
rng = np.random.default_rng(20261125)
halves = {  # offsets of half-precision fields in a block
 'F16':[0],'Q8_0':[0],'Q4_0':[0],'Q4_1':[0,2],'Q5_0':[0],'Q5_1':[0,2],'Q2_K':[80,82],'Q3_K':[108],'Q4_K':[0,2],'Q5_K':[0,2],'Q6_K':[208]}
print("# type, bytes of blocks (hex), expected values as float32 bits (hex, little-endian), one line each")
print("# made by test/golden/make_gguf_blocks.py with the PyPI package gguf %s (numpy %s): random bytes," % (__import__('importlib.metadata').metadata.version('gguf'), np.__version__))
print("# half-precision fields replaced by finite halves (one of them subnormal), then gguf.quants.dequantize")
for name in ['F32','F16','BF16','Q8_0','Q4_0','Q4_1','Q5_0','Q5_1','Q2_K','Q3_K','Q4_K','Q5_K','Q6_K']:
    n, size = gguf.GGML_QUANT_SIZES[T[name]]
    blocks = 8 if n == 1 else 2
    b = rng.integers(0,256,(blocks,size),dtype=np.uint8)
    for off in halves.get(name,[]):
        v = rng.normal(0,0.05,blocks).astype(np.float16)
        v[-1] = np.float16(3e-6)
        b[:,off:off+2] = v.view(np.uint8).reshape(blocks,2)
    if name=='F32': b = rng.normal(size=(blocks,1)).astype(np.float32).view(np.uint8)
    if name=='BF16': b = (rng.normal(size=(blocks,1)).astype(np.float32).view(np.uint32)>>16).astype(np.uint16).view(np.uint8)
    flat = b.reshape(1,-1)
    if name in('F32','F16'): y = flat.view(np.float32 if name=='F32' else np.float16).astype(np.float32)
    else: y = gguf.quants.dequantize(flat, T[name])
    assert np.isfinite(y).all(), name
    print(name, flat.tobytes().hex(), y.astype('<f4').tobytes().hex())
