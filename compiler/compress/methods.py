"""The published methods: what each sets differently from the defaults, every value with its source.

Numbers in brackets are the rows of `methods.md`; [A] abstract, [C] the authors' code, [P] their paper, [pilot] a small
experiment of ours, [ours] chosen here. A method is nothing but this table: no code asks for its name.
"""

from __future__ import annotations

from typing import Any

Preset = dict[str, tuple[Any, str]]
"""Field -> (value, source)."""

_ADMM: Preset = {
    "structure": ("element", "(16) single weights [A]"),
    "score": ("magnitude", "(16) Euclidean projection onto a cardinality: the largest |w| stay [P]"),
    "driver": ("admm", "(16) alternating directions [A]"),
    "keep": (0.1, "[ours] LeNet-5 bears 0.014 [A]; layers by name: conv1 0.2, conv2 0.08, fc1 0.009, fc2 0.07 [C]"),
    "ramp": (0.5, "[ours] as long for training under the mask as for the run"),
    "rho": (3e-2, "[ours] for tens of epochs; (17) 1.5e-3 to 3e-3 for hundreds [P]"),
    "ranges": ("search", "(6) step q by a search in one dimension [P]"),
    "shares": ((0.3, 0.4, 0.2, 0.1), "[ours] the ADMM run takes as long as training did"),
}
_DJPQ: Preset = {
    "score": ("gate-ratio", "(7) mu^2/sigma^2 of a gate [P]"),
    "driver": ("relaxed", "(7) trained by gradient [A]"),
    "projections": (("threshold",), "(7) no budget: the loss decides [P]"),
    "gate_weight": (1e-2, "(7) gamma; its size is [ours]"),
    "bops_weight": (0.1, "(7) beta, of BOPs as a share of those at 8 bits; its size is [ours]"),
    "ranges": ("learned", "(7) q_max and d are learned [P]; t stays 1 [ours]"),
    "prune_quantised": (True, "(7) pruning and quantisation jointly [A]"),
    "weight_bits": (8, "[ours] widths start at 8"),
    "act_bits": (8, "[ours] widths start at 8"),
    "shares": ((0.3, 0.45, 0.15, 0.1), "[ours] most of the time goes to the joint phase"),
}

METHODS: dict[str, Preset] = {
    "layerwise": {},
    "one-shot": {"driver": ("one-shot", "(1) the baseline of layerwise: all layers from dense statistics [C]")},
    "stepwise": {"driver": ("stepwise", "(1) the baseline of layerwise: global steps [C]")},
    "float": {
        "keep": (1.0, "[ours] the network as it is"),
        "shares": ((1.0, 0.0, 0.0, 0.0), "[ours] trained in float alone"),
    },
    "fairgrape": {
        "structure": ("element", "(3) single weights [P]"),
        "score": ("class-groups", "(3) (|w| |dL_k/dw|)^2 for each group k [P]"),
        "driver": ("iterative", "(3) pruning and retraining alternate [P]"),
        "projections": (("fair-greedy",), "(3) the group furthest below its share chooses [P]"),
        "round_keep": (0.9, "(3) keep 0.9 of what is left in each round [P]"),
        "keep": (0.1, "(3) compared at 90 % sparsity [P]"),
        "weight_bits": (8, "[ours] (3) does not quantise"),
        "act_bits": (8, "[ours] (3) does not quantise"),
    },
    "qap": {
        "structure": ("element", "(4) single weights [P]"),
        "score": ("magnitude", "(4) |w| [P]"),
        "scope": ("global", "(4) ranked over the whole network [P]"),
        "driver": ("iterative", "(4) about 10 % of the weights a round [P]"),
        "round_keep": (0.9, "(4) about 10 % of the weights a round [P]"),
        "keep": (0.2, "(4) 80 % pruned [P]"),
        "l1": (1e-4, "(4) L1 1e-4 [P]"),
        "prune_quantised": (True, "(4) pruning under quantisation-aware training [A]"),
        "weight_bits": (6, "(4) 6 bits at 80 % [P]"),
        "act_bits": (6, "(4) 6 bits at 80 % [P]"),
    },
    "rate-distortion": {
        "structure": ("element", "(5) single weights [A]"),
        "score": ("curvature-kl", "(5) I*w^2, I = E[sum_c (df_c)^2 / f_c], no labels [P]"),
        "scope": ("global", "(5) one distortion for the network [P]"),
        "driver": ("one-shot", "(5) no retraining [P]"),
        "projections": (("top-k", "levels"), "(5) prune, then I-weighted k-means [P]"),
        "codebook": ("cluster", "(5) I-weighted k-means [P]"),
        "keep": (0.3, "[pilot] compared at keep 0.3"),
        "start_epoch": (0.0, "(5) of the trained network [P]"),
        "layer_epochs": (1.0, "[ours] the curvature is a mean over one epoch"),
    },
    "admm": {
        **_ADMM,
        "ramp": (0.8, "[ours] a projection costs little where weights are nearly there"),
        "updates": (20, "[ours] rho grows 190 times, so weights arrive: digits at 20x 95 for 82 %, one seed"),
    },
    "admm-progressive": {
        **_ADMM,
        "driver": ("progressive(admm)", "(17) a chain of partial prunings [A]"),
        "stages": (3, "(17) 15x, 24x, 30x [P]"),
        "ramp": (0.8, "[ours] stages are short, and a projection costs little where weights are nearly there"),
        "projections": (("top-k", "levels"), "(17) 2 to 3 bits at the end [P]"),
        "weight_bits": (3, "(17) 2 to 3 bits at the end [P]"),
    },
    "admm-binary": {
        **_ADMM,
        "driver": ("progressive(admm)", "(13) progressive [A]"),
        "keep": (1.0, "(13) fully binarised networks [A]"),
        "projections": (("top-k", "levels"), "(13) sign(w)*mean|w| [P]"),
        "codebook": ("binary", "(13) sign(w)*mean|w| [P]"),
        "weight_bits": (1, "(13) binary [A]"),
        "ramp": (1.0, "[ours] trained in float after they are set, weights would leave their levels again"),
    },
    "admm-cluster": {
        **_ADMM,
        "projections": (("top-k", "levels"), "(14) cardinality, then the nearest centroid [P]"),
        "codebook": ("cluster", "(14) clusters, centroids updated jointly [A]; easiest-first(admm) is no better here"),
        "ramp": (1.0, "[ours] trained in float after they are set, weights would leave their centroids again"),
    },
    "admm-structured": {
        **_ADMM,
        "structure": ("filter", "(18) filters; `shape` and `channel` are the other two [A]"),
        "score": ("magnitude", "(18) Frobenius norm of a group [P]"),
        "keep": (0.5, "[ours] (18) conv layers of AlexNet keep 0.25 [A]"),
    },
    "admm-tiles": {
        **_ADMM,
        "structure": ("tile", "(15) tiles of the crossbar; ours of PE x SIMD [A]"),
        "score": ("magnitude", "(15) L2 norm of a tile [P]"),
        "keep": (0.25, "[ours] (15) 29.81x on VGG-16 [A]"),
        "projections": (("top-k", "levels"), "(15) tiles, then levels [P]"),
        "codebook": ("conductance", "(15) levels within [G_min, G_max] [P]"),
        "weight_noise": (0.05, "(15) multiplicative mismatch; its size is [ours]"),
    },
    "djpq": {**_DJPQ, "bit_choices": ((2, 3, 4, 5, 6, 7, 8), "(7) any width [P]; up to 8, the grid here")},
    "djpq-pow2": {**_DJPQ, "bit_choices": ((2, 4, 8), "(7) widths 2, 4, 8 (16 and 32 are beyond the grid) [P]")},
    "blind-adversarial": {
        "structure": ("element", "(8) single weights [P]"),
        "score": ("magnitude", "(8) |w| [P]"),
        "driver": ("cubic", "(8) gradual, cubic [P]"),
        "stages": (20, "[ours] steps of the cubic ramp"),
        "adversarial": (0.5, "(8) half clean, half adversarial [P]"),
        "keep": (0.1, "[ours] 90 % pruned"),
        "weight_bits": (8, "[ours] (8) does not quantise"),
        "act_bits": (8, "[ours] (8) does not quantise"),
    },
    "transfer-mask": {
        "structure": ("element", "(10) a logit for each weight [P]"),
        "score": ("logit", "(10) learned logits [P]"),
        "driver": ("relaxed", "(10) hard forwards, soft backwards [P]"),
        "keep": (0.03, "[pilot] few-shot transfer at 3 % density"),
        "gate_weight": (1.0, "(10) complexity penalty; its size is [ours], the better of two tried"),
        "rerandomise": (50, "(10) against weights drawn anew; every 50 steps is [ours]"),
        "recovery": ("re-initialise", "(10) the mask transfers, the weights are trained anew [P]"),
        "weight_bits": (8, "[ours] (10) does not quantise"),
        "act_bits": (8, "[ours] (10) does not quantise"),
        "shares": ((0.0, 0.4, 0.4, 0.2), "[ours] the mask is learned first"),
    },
    "taylor": {
        "structure": ("element", "(11) single weights [A]"),
        "score": ("taylor", "(11) |w*g| [P]"),
        "driver": ("iterative", "(11) prune, then quantise [A]"),
        "keep": (0.05, "[pilot] 90 to 95 % pruned"),
        "weight_bits": (8, "[ours]"),
        "act_bits": (8, "[ours]"),
    },
    "bit-shift": {
        "keep": (1.0, "(12) nothing is pruned [A]"),
        "scales": ("power-of-two", "(12) x_q = clamp(round(x*2^N))*2^-N [P]"),
        "ranges": ("shift", "(12) N by a search for the least error [P]"),
        "weight_bits": (8, "(12) 8 bits [A]"),
        "act_bits": (8, "(12) 8 bits [A]"),
        "shares": ((0.9, 0.0, 0.1, 0.0), "(12) no retraining [A]: the last tenth only calibrates where lr is 0"),
    },
}
