"""Every ONNX operator that becomes a source operator, against onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from intaglio.frontend.onnx import read_onnx
from onnx_cases_movers import CASES, IMAGE
from onnx_twin import Net, agree, evaluate, kinds, run_reference, save


@pytest.mark.parametrize("name", CASES)
def test_operator(name: str, tmp_path: Path) -> None:
    shape, build, becomes = CASES[name]
    net = Net(shape, seed=len(name))
    graph = agree(net, build(net), tmp_path)
    if becomes is not None:
        assert kinds(graph) == becomes


def test_gelu_of_opset_20(tmp_path: Path) -> None:
    for form in ("none", "tanh"):
        net = Net(IMAGE, opset=20)
        graph = agree(net, net.add("Gelu", net.x, approximate=form), tmp_path)
        assert kinds(graph) == ["activation"]


def test_patterns_leave_one_function(tmp_path: Path) -> None:
    for name in ("gelu form 0", "gelu form 1", "gelu form 2", "gelu by tanh"):
        net = Net(IMAGE)
        graph = agree(net, CASES[name][1](net), tmp_path)
        assert set(kinds(graph)) <= {"activation", "affine"}
        assert kinds(graph).count("activation") == 1


@pytest.mark.parametrize("opset", [9, 11, 13, 18, 21])
def test_opsets(opset: int, tmp_path: Path) -> None:
    """Attributes that became inputs."""
    net = Net(("N", 6, 5, 7), opset=opset)
    y = net.add("Relu", net.x)
    if opset < 13:
        y = net.add("Unsqueeze", net.add("Flatten", y), axes=[2])
        y = net.add("Squeeze", y, axes=[2])
    else:
        y = net.add("Squeeze", net.add("Unsqueeze", net.add("Flatten", y), net.ints(2)), net.ints(2))
    y = net.add("Reshape", y, net.ints(-1, 6, 5, 7))
    y = net.add("ReduceMean", y, axes=[2, 3]) if opset < 18 else net.add("ReduceMean", y, net.ints(2, 3))
    if opset < 11:
        y = net.add("Clip", y, min=-0.25, max=0.25)
        y = net.add("Pad", y, pads=[0, 0, 1, 1, 0, 0, 0, 0], mode="constant", value=0.5)
    else:
        y = net.add(
            "Pad",
            net.add("Clip", y, net.const(-0.25), net.const(0.25)),
            net.ints(0, 0, 1, 1, 0, 0, 0, 0),
            net.const(0.5),
        )
    agree(net, y, tmp_path)


def test_top_k(tmp_path: Path) -> None:
    x = np.random.default_rng(3).permuted(np.tile(np.arange(9), (4, 1)), axis=1).astype(np.float32)
    for largest in (0, 1):
        net = Net(("N", 9))
        model = net.model(*net.add("TopK", net.x, net.ints(3), outputs=2, largest=largest))
        graph = read_onnx(save(model, tmp_path), input_types="int8")
        found = evaluate(graph, {"x": x})
        for mine, theirs in zip(found, run_reference(model, {"x": x}), strict=True):
            assert np.array_equal(mine, theirs)


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    net = Net(("N", 6, 5, 7))
    y = net.input("y", ("N", 6, 5, 7))
    z = net.input("z", ("N", 5, 7, 6))
    total = net.add("Add", net.x, net.add("Transpose", z, perm=[0, 3, 1, 2]))
    first, second = net.add("Mul", total, y), net.add("Relu", total)
    graph = agree(net, [first, second, total, second], tmp_path)
    assert len(set(graph.outputs)) == 4


def test_fixed_batch_and_shape_arithmetic(tmp_path: Path) -> None:
    """What torch.onnx writes for x.view(x.size(0), -1)."""
    for batch in (1, 4, "N"):
        net = Net((batch, 6, 2, 3))
        size = net.add("Gather", net.add("Shape", net.x), net.const(0, np.int64), axis=0)
        shape = net.add("Concat", net.add("Unsqueeze", size, net.ints(0)), net.ints(-1), axis=0)
        y = net.add("Gemm", net.add("Reshape", net.x, shape), net.weight(36, 3))
        graph = agree(net, y, tmp_path)
        assert kinds(graph) == ["linear"]
