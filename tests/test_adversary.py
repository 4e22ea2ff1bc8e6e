"""The reversed gradient against autograd's own, and what it does to what a network shows of a domain."""

import math

import pytest
import torch

from medley.adversary import Head, ramp


def test_gradient_is_that_of_the_plain_head_times_minus_the_strength():
    torch.manual_seed(0)
    head = Head(5, 3)
    maps = torch.randn(4, 5, 2, 3, requires_grad=True)
    truth = torch.tensor([0, 1, 2, 0])
    loss = torch.nn.functional.cross_entropy(head(maps, 0.3), truth)
    loss.backward()
    reversed_gradient, own = maps.grad.clone(), [value.grad.clone() for value in head.parameters()]

    maps.grad = None
    head.zero_grad()
    plain = torch.nn.functional.cross_entropy(head.layers(maps.mean(dim=(2, 3))), truth)
    plain.backward()
    assert torch.equal(loss, plain)
    torch.testing.assert_close(reversed_gradient, -0.3 * maps.grad)
    for one, other in zip(own, head.parameters(), strict=True):
        torch.testing.assert_close(one, other.grad)  # the head itself learns as it would


@pytest.mark.parametrize("shape", [(2, 5, 7), (2, 5, 3, 4), (2, 5, 2, 3, 4)])
def test_head_sees_the_mean_of_each_channel(shape):
    head = Head(5, 2)
    maps = torch.randn(shape)
    flat = maps.reshape(2, 5, -1).mean(-1)[..., None]
    torch.testing.assert_close(head(maps, 1.0), head(flat, 0.0))


def test_ramp():
    assert ramp(0) == 0
    assert ramp(0.1) == pytest.approx((1 - math.exp(-1)) / (1 + math.exp(-1)))  # as the paper writes it
    assert 0.999 < ramp(1) < 1


@pytest.mark.parametrize(("learning", "sign"), [("encoder", 1), ("head", -1)])
def test_network_steps_away_from_what_the_head_steps_toward(learning, sign):
    torch.manual_seed(0)
    domain = torch.randint(0, 2, (256,))
    inputs = torch.randn(256, 2) + domain[:, None]
    parts = {"encoder": torch.nn.Linear(2, 4), "head": Head(4, 2)}

    def loss():
        return torch.nn.functional.cross_entropy(parts["head"](parts["encoder"](inputs)[..., None], 1.0), domain)

    optimiser = torch.optim.Adam(parts["head"].parameters(), lr=0.01)
    for _ in range(200):  # until it can tell them
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()
    for part in parts.values():
        part.zero_grad()
    before = loss()
    before.backward()
    torch.optim.SGD(parts[learning].parameters(), lr=0.1).step()
    assert sign * (loss() - before) > 0
