"""Every network in a small size: shapes, padding, policies of batch normalisation, gradients, blocks, width."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.errors import InputError
from jzsl.nets.efficientnet_lite import EfficientNetLite0
from jzsl.nets.network import BatchNormPolicy, Network, NetworkConfig, as_float, policies, split
from jzsl.nets.resnet import ResNet
from jzsl.nets.resnet26 import Adapter, AdapterStart, ResNet26
from jzsl.nets.resnet_imagenet import ResNet18, ResNet50, ResNet101
from jzsl.nets.small_cnn import SmallCNN
from jzsl.nets.vgg import VGG

KEY = jax.random.key(0)
SMALL = {
    "resnet": ResNet((1, 1), 0.125, classes=3),
    "resnet26 parallel": ResNet26(blocks=1, width=0.125, classes=3),
    "resnet26 series": ResNet26(Adapter.series, AdapterStart.he_normal, blocks=1, width=0.125),
    "small_cnn": SmallCNN((4, 8)),
    "vgg": VGG((4, 8), (2, 1), classes=3),
}
TRAIN, RUNNING, FROZEN = BatchNormPolicy.train, BatchNormPolicy.running, BatchNormPolicy.frozen_affine


def small(name: str):
    network = SMALL[name].build()
    x = jax.random.uniform(jax.random.key(1), (6, 8, 8, 3))
    return network, x, jax.jit(network.init)(KEY, x)


def stem_variables(network: Network, x):
    """Of the first block alone, which compiles sooner."""

    def stem(key):
        return {name: {"stem": part["stem"]} for name, part in network.init(key, x).items()}

    return jax.jit(stem)(jax.random.key(3))


@pytest.mark.parametrize("name", SMALL)
def test_padding_has_no_influence_and_every_part_learns(name):
    """Whatever stands in the padding, outputs, gradients and running statistics are the same."""
    network, x, variables = small(name)
    valid = (jnp.arange(6) < 4).astype(jnp.float32)

    @jax.jit
    def run(x):
        def loss(learned):
            outputs, after = network.apply({**variables, **learned}, x, TRAIN, valid)
            value = outputs.features if outputs.logits is None else outputs.logits
            return jnp.sum(valid[:, None] * jnp.sin(value)), (outputs.features[:4], after)

        learned = {name: variables[name] for name in ("params", "shared") if name in variables}
        (_, (features, after)), gradient = jax.value_and_grad(loss, has_aux=True)(learned)
        return features, after, gradient

    first = run(x)
    second = run(x.at[4:].set(100.0))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4), first, second)
    features, after, gradient = first
    assert np.std(features, 0).max() > 0
    moved = jax.tree.map(lambda a, b: bool((a != b).any()), variables["batch_stats"], after["batch_stats"])
    assert all(jax.tree.leaves(moved))
    assert all(np.any(np.asarray(leaf) != 0) for leaf in jax.tree.leaves(gradient))


def test_a_padded_minibatch_equals_its_samples_alone():
    network, x, variables = small("vgg")
    alone, after = network.apply(variables, x[:4], TRAIN, None)
    padded, after_padded = network.apply(variables, x, TRAIN, (jnp.arange(6) < 4).astype(jnp.float32))
    np.testing.assert_allclose(padded.features[:4], alone.features, rtol=1e-4, atol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), after, after_padded)
    unmasked, _ = network.apply(variables, x, TRAIN, None)
    assert np.abs(unmasked.features[:4] - alone.features).max() > 1e-3


def test_policies_move_and_learn_what_they_say():
    network, x, variables = small("small_cnn")

    def one(policy):
        def loss(params):
            outputs, after = network.apply({**variables, "params": params}, x, policy, None)
            return jnp.sum(jnp.sin(outputs.features)), (outputs.features, after["batch_stats"])

        return jax.jit(jax.value_and_grad(loss, has_aux=True))(variables["params"])

    trained, frozen, running = one(TRAIN), one(FROZEN), one(RUNNING)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), trained[0], frozen[0])
    jax.tree.map(np.testing.assert_array_equal, running[0][1][1], variables["batch_stats"])
    assert np.abs(running[0][1][0] - trained[0][1][0]).max() > 1e-3
    for block in network.blocks:
        np.testing.assert_allclose(frozen[1][block]["conv"]["kernel"], trained[1][block]["conv"]["kernel"], rtol=1e-4)
        for entry in ("scale", "bias"):
            assert (np.asarray(frozen[1][block]["norm"][entry]) == 0).all()
            assert (np.asarray(trained[1][block]["norm"][entry]) != 0).any()
            assert (np.asarray(running[1][block]["norm"][entry]) != 0).any()


@pytest.mark.parametrize("name", ["vgg", "small_cnn"])
def test_blocks_one_after_another_are_the_network(name):
    network, x, variables = small(name)
    outputs, after = network.apply(variables, x, TRAIN, None)
    middle = network.blocks[len(network.blocks) // 2 - 1]
    rest = network.blocks[len(network.blocks) // 2]
    maps, half = network.run(variables, x, network.blocks[0], middle, TRAIN, None)
    maps, whole = network.run(half, maps, rest, network.blocks[-1], TRAIN, None)
    np.testing.assert_allclose(maps, outputs.maps, rtol=1e-5, atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), whole, after)
    np.testing.assert_allclose(outputs.features, maps.mean((1, 2)), rtol=1e-5, atol=1e-6)
    assert (outputs.logits is None) == ("head" not in variables["params"])
    assert set(network.blocks) == set(variables["batch_stats"])


def test_blocks_have_policies_of_their_own_and_frozen_ones_no_gradient():
    network, x, variables = small("resnet")
    chosen = policies(network.blocks, ("stage2",), RUNNING)
    assert chosen == {"stem": RUNNING, "stage1_block1": RUNNING, "stage2_block1": TRAIN}
    _, after = jax.jit(lambda variables: network.apply(variables, x, chosen, None))(variables)
    moved = {
        name: bool((part["norm1" if "block" in name else "norm"]["mean"] != 0).any())
        for name, part in after["batch_stats"].items()
    }
    assert moved == {"stem": False, "stage1_block1": False, "stage2_block1": True}
    learned, rest = split(variables["params"], ("stage2", "head"))
    assert set(learned) == {"stage2_block1", "head"}
    assert set(rest) == {"stem", "stage1_block1"}


def test_bytes_are_divided_by_255():
    network, x, variables = small("small_cnn")
    pixels = np.round(255 * np.asarray(x)).astype(np.uint8)
    one, _ = network.apply(variables, pixels, RUNNING, None)
    two, _ = network.apply(variables, pixels / np.float32(255), RUNNING, None)
    np.testing.assert_allclose(one.features, two.features, rtol=1e-5)
    assert as_float(np.full(1, 2.5, np.float32))[0] == 2.5


@pytest.mark.parametrize(
    ("config", "parameters", "maps"),
    [
        (ResNet(), 10_995_008, (1, 8, 8, 512)),
        (ResNet(width=0.25), 688_976, (1, 8, 8, 128)),
        (ResNet((3, 4, 6, 3)), 21_103_168, (1, 8, 8, 512)),
        (VGG(), 9_223_232, (1, 4, 4, 512)),
        (ResNet26(classes=10), 655_530, (1, 8, 8, 256)),
        (ResNet18(), 11_689_512, (1, 2, 2, 512)),
        (ResNet50(), 25_557_032, (1, 2, 2, 2048)),
        (ResNet101(), 44_549_160, (1, 2, 2, 2048)),
        (EfficientNetLite0(), 4_652_008, (1, 2, 2, 1280)),
    ],
)
def test_sizes_are_the_published_ones(config: NetworkConfig, parameters, maps):
    network = config.build()
    x = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    variables = jax.eval_shape(network.init, KEY, x)
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == parameters
    outputs, after = jax.eval_shape(lambda v, x: network.apply(v, x, TRAIN, None), variables, x)
    assert outputs.maps.shape == maps
    assert jax.tree.structure(after) == jax.tree.structure(variables)


def test_a_new_domain_starts_as_the_shared_network_and_takes_its_filters():
    """Zero adapters add nothing; the filters of one domain serve another."""
    x = jax.random.uniform(KEY, (3, 8, 8, 3))
    shared = {"stem": {"conv": {"kernel": jax.random.normal(KEY, (3, 3, 3, 4))}}}

    def stem(adapter: Adapter, start: AdapterStart):
        network = ResNet26(adapter, start, blocks=1, width=0.125).build()

        @jax.jit
        def maps(key):
            variables = {**network.init(key, x), "shared": shared}
            return network.run(variables, x, "stem", "stem", RUNNING, None)[0]

        return np.asarray(maps(KEY))

    expected = stem(Adapter.none, AdapterStart.zero)
    for adapter in (Adapter.parallel, Adapter.series):
        # Series adapters have a second batch normalisation, of the initial running variance 1.
        np.testing.assert_allclose(stem(adapter, AdapterStart.zero), expected, rtol=1e-5, atol=1e-6)
        assert np.abs(stem(adapter, AdapterStart.he_normal) - expected).max() > 1e-2


def test_dropout_of_adapters_needs_a_key_and_keeps_the_mean():
    config = ResNet26(Adapter.parallel, AdapterStart.he_normal, dropout=0.5, blocks=1, width=0.125)
    network, x = config.build(), jax.random.uniform(KEY, (2, 8, 8, 3))
    variables = stem_variables(network, x)
    maps = jax.jit(jax.vmap(lambda key: network.run(variables, x, "stem", "stem", RUNNING, None, key=key)[0]))(
        jax.random.split(KEY, 500)
    )
    plain, _ = network.run(variables, x, "stem", "stem", RUNNING, None)
    assert np.std(maps, 0).min() > 0
    np.testing.assert_allclose(maps.mean(0), plain, atol=5 * float(np.std(maps, 0).max()) / np.sqrt(500))


def test_configs_name_what_is_wrong():
    for make, field in (
        (lambda: ResNet(width=0), "width"),
        (lambda: ResNet(()), "blocks"),
        (lambda: ResNet26(dropout=1.0), "dropout"),
        (lambda: VGG((4,), (1, 1)), "convolutions"),
        (lambda: VGG((0,), (1,)), "channels"),
        (lambda: SmallCNN(()), "channels"),
    ):
        with pytest.raises(InputError, match=f"{field}: "):
            make()
