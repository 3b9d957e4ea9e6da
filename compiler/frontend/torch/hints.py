"""What to write instead of an ATen operator that has no rule."""

from __future__ import annotations

LOGITS = "leave it off and train on the logits (nn.CrossEntropyLoss); torch.argmax picks the same class"
NORM = "nn.BatchNorm2d or nn.BatchNorm1d, which become a constant per channel"
POOL = "nn.MaxPool2d, nn.AvgPool2d or nn.AdaptiveAvgPool2d"
LAYERS = "nn.Linear, nn.Conv1d and nn.Conv2d layers"
PAD = "padding=... of the nn.Conv2d that follows, with padding_mode='zeros', or F.pad with mode='constant'"
NEAREST = "nn.Upsample(mode='nearest') with a whole-numbered factor, or nn.ConvTranspose2d"
TABLE_OF_INPUTS = "a multiplication, or a function such as nn.Sigmoid, which becomes a table"
SUPPORTED = (
    "Linear, Conv1d/2d (groups, dilation), ConvTranspose1d/2d, BatchNorm1d/2d, MaxPool1d/2d, AvgPool1d/2d, "
    "AdaptiveAvgPool, AdaptiveMaxPool, mean, sum and amax over the image, Upsample(nearest), ConstantPad, "
    "ReLU, ReLU6, Hardtanh, clamp, LeakyReLU, PReLU, ELU, SELU, CELU, GELU, SiLU, Mish, Sigmoid, Tanh, Hardsigmoid, "
    "Hardswish, Softplus, Softsign, LogSigmoid, Threshold, Hardshrink, Softshrink, GLU, abs, square, "
    "+ - * of two tensors, maximum, minimum, + - * / with constants, cat, stack, slices, split, chunk, reshape, "
    "permute, PixelShuffle, ChannelShuffle, Flatten, Dropout, Identity, Softmax, argmax, topk"
)

TABLE = (
    ("layer_norm native_layer_norm group_norm instance_norm rms_norm local_response_norm", NORM),
    ("max_pool3d avg_pool3d lp_pool1d lp_pool2d fractional_max_pool2d adaptive_avg_pool3d", POOL),
    ("sqrt rsqrt exp2 log log2 log10 log1p reciprocal", TABLE_OF_INPUTS),
    ("matmul mm bmm addmm einsum baddbmm dot outer", "nn.Linear, with its weights in a parameter"),
    ("conv3d conv_transpose3d conv_tbc", "nn.Conv2d or nn.Conv1d"),
    ("lstm gru rnn_tanh rnn_relu lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell", LAYERS),
    ("multi_head_attention_forward scaled_dot_product_attention _native_multi_head_attention", LAYERS),
    ("sort argsort min argmin kthvalue median", "torch.argmax(x, dim=1) or torch.topk at the end of the network"),
    ("upsample_bilinear2d upsample_bicubic2d upsample_linear1d grid_sampler grid_sampler_2d", NEAREST),
    ("max_pool2d_with_indices max_pool1d_with_indices max_unpool2d", "nn.MaxPool2d with return_indices=False"),
    ("reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d", PAD),
    ("embedding embedding_bag one_hot", "feed real values: one-hot vectors into nn.Linear"),
    ("where gt lt ge le eq ne masked_fill", "nn.ReLU, nn.Hardtanh, torch.maximum: no branches on values"),
    ("index index_select gather scatter take", "slices with constant bounds: x[:, a:b]"),
    ("unfold im2col col2im fold", "nn.Conv2d, whose windows the hardware makes itself"),
    ("copy_ fill_ zero_ slice_scatter select_scatter index_put", "torch.cat of the parts, instead of writing into one"),
    ("cumsum cumprod norm linalg_vector_norm var std", "x.mean(dim=(2, 3)), or nn.BatchNorm2d"),
)
HINTS = {operator: hint for operators, hint in TABLE for operator in operators.split()}


def instead_of(operator: str) -> str:
    """What to write instead of `aten::<operator>`; in-place forms have the same answer."""
    return HINTS.get(operator) or HINTS.get(operator.rstrip("_")) or f"one of: {SUPPORTED}"
