"""What changes while a run learns: the running average follows, and everything comes back from a checkpoint."""

from dataclasses import replace

import pytest
import torch

from training.learner import Learner

CPU = torch.device("cpu")


@pytest.fixture
def learner(config):
    return Learner(config, outputs=5, steps=20, device=CPU)


def set_head_and_step(learner, value):
    with torch.no_grad():
        learner.network.classify.weight.fill_(value)
    learner.averaged.update_parameters(learner.network)


def test_the_average_of_a_short_run_has_forgotten_its_start(config):
    learner = Learner(replace(config, averaging_decay=0.997), outputs=5, steps=100, device=CPU)
    set_head_and_step(learner, 0.0)
    for _ in range(60):
        set_head_and_step(learner, 1.0)

    assert learner.averaged.module.classify.weight.mean() > 0.99


def test_the_average_of_a_long_run_reaches_back_as_far_as_the_decay_says(learner):
    learner.averaged.n_averaged.fill_(10_000)
    with torch.no_grad():
        learner.averaged.module.classify.weight.fill_(0.0)

    set_head_and_step(learner, 1.0)

    assert learner.averaged.module.classify.weight.mean().item() == pytest.approx(0.2)  # decay 0.8


def test_the_learning_rate_warms_up_and_ends_at_nothing(learner, config):
    rates = []
    for _ in range(20):
        rates.append(learner.schedule.get_last_lr()[0])
        learner.optimizer.step()
        learner.schedule.step()

    assert max(rates) == pytest.approx(config.peak_learning_rate, rel=0.01)
    assert rates.index(max(rates)) in (1, 2)
    assert learner.schedule.get_last_lr()[0] == pytest.approx(0, abs=1e-9)


def test_a_checkpoint_brings_everything_back(learner, config, tmp_path):
    set_head_and_step(learner, 0.5)
    learner.optimizer.step()
    learner.schedule.step()
    learner.save_checkpoint(tmp_path / "checkpoint.pt", epoch=3)
    other = Learner(config, outputs=5, steps=20, device=CPU)

    assert other.load_checkpoint(tmp_path / "checkpoint.pt", CPU) == 3
    assert torch.equal(other.network.classify.weight, learner.network.classify.weight)
    assert torch.equal(other.averaged.module.classify.weight, learner.averaged.module.classify.weight)
    assert other.schedule.get_last_lr() == learner.schedule.get_last_lr()


def test_frozen_blocks_stay_as_they_were_and_the_others_learn(config):
    learner = Learner(replace(config, frozen_blocks=3), outputs=5, steps=20, device=CPU)
    before = {name: value.clone() for name, value in learner.network.state_dict().items()}
    learner.train()

    learner.network(torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)).sum().backward()
    learner.step()

    changed = {name for name, value in learner.network.state_dict().items() if not torch.equal(value, before[name])}
    assert not [name for name in changed if name.startswith(("stem", "blocks.0.", "blocks.1.", "blocks.2."))]
    assert {"blocks.3.layers.0.weight", "blocks.3.layers.1.running_mean", "classify.weight"} <= changed
