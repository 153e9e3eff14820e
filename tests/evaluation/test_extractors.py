import io
import sys
import tarfile

import numpy as np
import pytest
import tensorflow as tf

from gan_zoo import registry
from gan_zoo.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 20, 20, 3), np.uint8)


def outputs(x):
    """What the stand-ins compute: simple enough to be computed here too."""
    mean = tf.reduce_mean(x, [1, 2])
    return {"pool_3": tf.concat([mean, x[:, 0, 0]], 1)[:, None, None, :], "logits": mean[:, :2] * 7}


def expected(images):
    x = (
        tf.image.resize(
            np.repeat(images, 3 // images.shape[3], axis=3).astype(np.float32), (299, 299)
        )
        / 127.5
        - 1
    )
    return {k: np.reshape(v, (len(images), -1)) for k, v in outputs(x).items()}


def tf2_module(folder):
    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 299, 299, 3])])
        def __call__(self, x):
            return outputs(x)

    tf.saved_model.save(Module(), str(folder))


def tf2_signature_only(folder):
    class Module(tf.Module):
        def __init__(self):
            super().__init__()
            self.zero = tf.Variable(0.0)

        @tf.function(input_signature=[tf.TensorSpec([None, 299, 299, 3], name="images")])
        def run(self, images):
            return outputs(images + self.zero)

    module = Module()
    tf.saved_model.save(module, str(folder), signatures={"default": module.run})


def tf1_hub(folder):
    """As tensorflow_hub wrote them: one graph for training, and one without tags for inference, with variables."""
    builder = tf.compat.v1.saved_model.Builder(str(folder))
    for tags in (["train"], []):
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            images = tf.compat.v1.placeholder(tf.float32, [None, 299, 299, 3])
            zero = tf.compat.v1.get_variable("zero", initializer=0.0, use_resource=False)
            found = outputs(images + zero)
            signature = tf.compat.v1.saved_model.predict_signature_def({"images": images}, found)
            session.run(zero.initializer)
            if tags:
                builder.add_meta_graph_and_variables(session, tags, {"default": signature})
            else:
                builder.add_meta_graph(tags, {"default": signature})
    builder.save()


@pytest.mark.parametrize("write", [tf2_module, tf2_signature_only, tf1_hub])
@pytest.mark.parametrize("channels", [1, 3])
def test_inception_reads_both_formats(tmp_path, write, channels):
    write(tmp_path / "module")
    e = registry.extractors.build(f"inception({str(tmp_path / 'module')!r})", cache_dir=tmp_path)
    images = IMAGES[..., :channels]
    assert e.name == "inception" and e.resize == "bilinear 299 (TF)"
    assert np.allclose(e.features(images), expected(images)["pool_3"], atol=1e-5)
    assert np.allclose(e.logits(images), expected(images)["logits"], atol=1e-5)
    assert e.features(images).shape == (5, 6)


def archive(path, **members):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if content is None:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("below", ["", "module/"])
def test_inception_unpacks_an_archive_once(tmp_path, below):
    tf2_module(tmp_path / "module")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "module", arcname=below or ".")
    cache = tmp_path / "cache"
    spec = f"inception({str(tmp_path / 'a.tar.gz')!r})"
    first = registry.extractors.build(spec, cache_dir=cache)
    (found,) = cache.glob("*/saved_model.pb")
    stamp = found.stat().st_mtime_ns
    again = registry.extractors.build(spec, cache_dir=cache)
    assert again.hash == first.hash and found.stat().st_mtime_ns == stamp
    assert np.array_equal(first.features(IMAGES), again.features(IMAGES))


def test_inception_refuses_archives_that_reach_outside(tmp_path):
    for name, members in {
        "up": {"../evil": b"x"},
        "absolute": {"/tmp/evil": b"x"},
        "link": {"saved_model.pb": None},
    }.items():
        path = archive(tmp_path / f"{name}.tar.gz", **members)
        with pytest.raises(UserError, match="do not trust it"):
            registry.extractors.build(f"inception({str(path)!r})", cache_dir=tmp_path / "cache")
    assert not (tmp_path / "evil").exists() and not (tmp_path / "cache" / "evil").exists()
    for name, content in {
        "empty": archive(tmp_path / "empty.tar.gz", readme=b"x"),
        "text": tmp_path / "t.tar.gz",
    }.items():
        if name == "text":
            content.write_text("not an archive")
        with pytest.raises(UserError, match=r"no saved_model.pb|cannot be unpacked"):
            registry.extractors.build(f"inception({str(content)!r})", cache_dir=tmp_path / "cache")


def test_inception_without_a_path_uses_the_cache_else_says_what_to_get(tmp_path, monkeypatch):
    import urllib.request

    def no_network(*args, **kwargs):
        raise urllib.error.URLError("no network in tests")

    monkeypatch.setattr(urllib.request, "urlopen", no_network)
    with pytest.raises(UserError, match=r"no network in tests.*kaggle.com.*inception\("):
        registry.extractors.build("inception", cache_dir=tmp_path)
    tf2_module(tmp_path / "inception")
    assert registry.extractors.build("inception", cache_dir=tmp_path).features(IMAGES).shape == (
        5,
        6,
    )


def test_inception_downloads_where_there_is_a_network(tmp_path, monkeypatch):
    import urllib.request

    tf2_module(tmp_path / "module")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "module", arcname=".")
    monkeypatch.setattr(
        urllib.request, "urlopen", lambda *args, **kwargs: (tmp_path / "a.tar.gz").open("rb")
    )
    assert registry.extractors.build("inception", cache_dir=tmp_path / "c").features(
        IMAGES
    ).shape == (5, 6)
    assert [p.name for p in (tmp_path / "c").iterdir()] == ["inception"]


def test_saved_model_names_its_outputs(tmp_path):
    tf2_module(tmp_path / "m")
    place = repr(str(tmp_path / "m"))
    e = registry.extractors.build(f"saved_model({place}, features='pool_3')")
    assert e.logits is None and e.features(IMAGES).shape == (5, 6)
    for spec, words in {
        f"saved_model({place})": "one output, but has logits, pool_3",
        f"saved_model({place}, features='pool')": "'pool', but has logits, pool_3",
        "saved_model('/nowhere')": "there is no /nowhere; path must be",
        f"saved_model({str(tmp_path)!r})": "no saved_model.pb",
    }.items():
        with pytest.raises(UserError, match=words):
            registry.extractors.build(spec)
    (tmp_path / "m" / "saved_model.pb").write_bytes(b"broken")
    with pytest.raises(UserError, match="does not load"):
        registry.extractors.build(f"saved_model({place}, features='pool_3')")


def test_the_hash_is_of_the_weights(tmp_path):
    tf2_module(tmp_path / "m")
    place = repr(str(tmp_path / "m"))
    before = registry.extractors.build(f"saved_model({place}, features='pool_3')").hash
    (tmp_path / "m" / "more").write_text("x")
    assert registry.extractors.build(f"saved_model({place}, features='pool_3')").hash != before
    a, b, c = (registry.extractors.build(f"random_conv(seed={s})") for s in (0, 0, 1))
    assert a.hash == b.hash != c.hash


def test_keras_inception_says_where_to_get_its_weights(tmp_path, monkeypatch):
    small = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
    monkeypatch.setattr(
        tf.keras.applications, "InceptionV3", lambda weights, **_: small.load_weights(weights)
    )
    (tmp_path / "w.h5").write_text("no weights")
    with pytest.raises(UserError, match=r"inception_v3_weights_tf_dim_ordering_tf_kernels.h5"):
        registry.extractors.build(f"keras_inception({str(tmp_path / 'w.h5')!r})")


@pytest.mark.slow
def test_keras_inception_with_weights_of_a_file(tmp_path):
    net = tf.keras.applications.InceptionV3(weights=None, classifier_activation=None)
    net.save_weights(tmp_path / "w.weights.h5")
    e = registry.extractors.build(f"keras_inception({str(tmp_path / 'w.weights.h5')!r})")
    x = tf.image.resize(IMAGES.astype(np.float32), (299, 299)) / 127.5 - 1
    assert e.features(IMAGES).shape == (5, 2048)
    assert np.allclose(e.logits(IMAGES), net(x, training=False), atol=1e-4)


LOCAL = ["random_conv", "embedded"]


@pytest.mark.parametrize("spec", LOCAL)
@pytest.mark.parametrize(
    "shape", [(28, 28, 1), (32, 32, 3), (75, 100, 3), (64, 64, 3), (16, 16, 1)]
)
def test_local_extractors_take_any_size_and_are_deterministic(spec, shape):
    e = registry.extractors.build(spec)
    images = np.random.default_rng(1).integers(0, 256, (300, *shape), np.uint8)
    found = e.features(images)
    assert (
        found.dtype == np.float32
        and found.ndim == 2
        and found.shape[0] == 300
        and np.isfinite(found).all()
    )
    assert np.array_equal(found, e.features(images))
    assert np.allclose(found[250:], e.features(images[250:]), atol=1e-3 * np.abs(found).max())
    if e.logits is not None:
        assert e.logits(images).shape[0] == 300


@pytest.mark.parametrize("spec", LOCAL)
def test_gray_equals_the_same_gray_in_three_channels(spec):
    e = registry.extractors.build(spec)
    gray = IMAGES[..., :1]
    assert np.allclose(e.features(gray), e.features(np.repeat(gray, 3, axis=3)), atol=1e-4)


@pytest.mark.parametrize(
    "images", [IMAGES / 255, IMAGES[0], IMAGES[..., :2], np.zeros((0, 8, 8, 3), np.uint8)]
)
def test_what_is_no_set_of_images_is_refused(images):
    with pytest.raises(UserError, match=r"uint8 \[N, H, W, 1 or 3\]|no images"):
        registry.extractors.build("random_conv").features(images)


@pytest.fixture(scope="module")
def dinov2(tmp_path_factory):
    """A folder with a small random DINOv2 and its image converter, and the network."""
    library = pytest.importorskip("keras_hub")
    tf.keras.utils.set_random_seed(0)
    network = library.models.DINOV2Backbone(
        patch_size=14, num_layers=2, hidden_dim=32, num_heads=2, intermediate_dim=64,
        image_shape=(42, 42, 3), position_embedding_shape=(42, 42, 3),
    )  # fmt: skip
    mean, deviation = np.array([0.5, 0.4, 0.3]), np.array([0.2, 0.3, 0.4])
    converter = library.layers.DINOV2ImageConverter(
        image_size=(42, 42),
        scale=list(1 / 255 / deviation),
        offset=list(-mean / deviation),
        interpolation="bicubic",
    )
    folder = tmp_path_factory.mktemp("presets") / "tiny dinov2"
    network.save_to_preset(str(folder))
    converter.save_to_preset(str(folder))
    return folder, network, (mean, deviation)


def test_dinov2_gives_the_class_token_of_images_scaled_as_its_converter_says(dinov2):
    folder, network, (mean, deviation) = dinov2
    extractor = registry.extractors.build(f"keras_hub({str(folder)!r}, size=42)")
    assert extractor.name == "keras_hub-tiny_dinov2" and extractor.logits is None
    assert extractor.resize == "bicubic 42 (KerasHub)"
    images = np.random.default_rng(0).integers(0, 256, (3, 42, 42, 3), np.uint8)
    scaled = (images / 255 - mean) / deviation
    wanted = np.asarray(network({"images": scaled.astype(np.float32)}))[:, 0]
    np.testing.assert_allclose(extractor.features(images), wanted, atol=1e-5)
    gray = images[..., :1]
    np.testing.assert_array_equal(
        extractor.features(gray), extractor.features(np.repeat(gray, 3, axis=3))
    )
    # Another size is another network; it takes images of any size.
    small = registry.extractors.build(f"keras_hub({str(folder)!r}, size=28)")
    assert small.features(images).shape == (3, 32) and small.hash != extractor.hash
    again = registry.extractors.build(f"keras_hub({str(folder)!r}, size=42)")
    assert again.hash == extractor.hash


def test_what_is_no_dinov2_is_refused_in_a_sentence(dinov2, tmp_path):
    folder, *_ = dinov2
    with pytest.raises(UserError, match=r"size=40 is no multiple .* take 42"):
        registry.extractors.build(f"keras_hub({str(folder)!r}, size=40)")
    with pytest.raises(UserError, match=r"cannot be loaded as DINOv2 \(.*no config.json"):
        registry.extractors.build(f"keras_hub({str(tmp_path)!r})")
    with pytest.raises(UserError, match="there is no dinov9; preset must be"):
        registry.extractors.build("keras_hub('dinov9')")
    other = sys.modules["keras_hub"].models.ViTBackbone(
        image_shape=(16, 16, 3), patch_size=8, num_layers=1, num_heads=1, hidden_dim=4, mlp_dim=4
    )
    other.save_to_preset(str(tmp_path / "vit"))
    with pytest.raises(UserError, match="cannot be loaded as DINOv2"):
        registry.extractors.build(f"keras_hub({str(tmp_path / 'vit')!r})")


def test_dinov2_without_its_package_is_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(UserError, match=r"needs KerasHub \(.*pip install 'gan_zoo\[keras_hub\]'"):
        registry.extractors.build("keras_hub('dinov2_small')")
