"""Data sets of Hugging Face and of TensorFlow Datasets, from small builders on the disk."""

import io
import json
import socket
import sys
import threading
import types

import numpy as np
import pytest
from PIL import Image

from gan_zoo.datasets import build_dataset
from gan_zoo.datasets.network import why_unreachable
from gan_zoo.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)


def png(image):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_ZOO_CACHE", str(tmp_path / "home"))
    return lambda spec, data_dir=None: build_dataset(
        spec, (8, 8), None, data_dir, tmp_path / "cache"
    )


@pytest.fixture
def refused(read):
    def check(spec, data_dir=None):
        with pytest.raises(UserError) as e:
            read(spec, data_dir)
        assert "\n" not in str(e.value) and str(e.value).endswith(".")
        return str(e.value)

    return check


# ---- Hugging Face


@pytest.fixture
def library(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    pytest.importorskip("datasets.arrow_dataset")  # "datasets" alone is the folder of these tests
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    return datasets


@pytest.fixture
def repository(tmp_path, library):
    """A folder as it is uploaded: tables of two splits, classes with names."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = tmp_path / "repository"
    (folder / "data").mkdir(parents=True)
    features = {"photo": {"_type": "Image"}}
    features["kind"] = {"names": ["cat", "dog"], "_type": "ClassLabel"}
    for split, rows in (("train", range(8)), ("test", range(8, 12))):
        images = pa.array([{"bytes": png(IMAGES[i]), "path": f"{i}.png"} for i in rows])
        made = pa.table({"photo": images, "kind": pa.array([i % 2 for i in rows])})
        record = {"info": {"features": features}}
        made = made.replace_schema_metadata({"huggingface": json.dumps(record)})
        pq.write_table(made, folder / "data" / f"{split}-00000-of-00001.parquet")
    return folder


def test_hub_reads_splits_and_classes(read, repository):
    data = read(f"hub('{repository}')")
    np.testing.assert_array_equal(data.images, IMAGES[:8])
    assert data.label_values == {"class": ("cat", "dog")}
    assert data.labels["class"].tolist() == [0, 1] * 4 and data.notes == ()
    np.testing.assert_array_equal(read(f"hub('{repository}', 'test')").images, IMAGES[8:])
    part = read(f"hub('{repository}', split='train[2:4]', label='none')")
    np.testing.assert_array_equal(part.images, IMAGES[2:4])
    assert not part.labels


def test_hub_reads_what_was_saved(read, repository, library, tmp_path):
    loaded = library.load_dataset(str(repository))
    loaded.save_to_disk(tmp_path / "all")
    loaded["train"].select([5, 3]).save_to_disk(tmp_path / "some")
    np.testing.assert_array_equal(read(f"hub('{tmp_path / 'all'}')").images, IMAGES[:8])
    some = read(f"hub('{tmp_path / 'some'}')")
    np.testing.assert_array_equal(some.images, IMAGES[[5, 3]])
    assert some.labels["class"].tolist() == [1, 1]


def test_hub_refuses_in_one_sentence(refused, repository):
    assert "cannot be loaded with split='val'" in refused(f"hub('{repository}', 'val')")
    assert "no column 'x' that fits; there are: photo, kind" in refused(
        f"hub('{repository}', column='x')"
    )
    assert "check the name, the network" in refused("hub('nobody/nothing')")


@pytest.mark.parametrize(("name", "module"), [("hub", "datasets"), ("tfds", "tensorflow_datasets")])
def test_without_the_library(refused, monkeypatch, name, module):
    monkeypatch.setitem(sys.modules, module, None)
    assert f"pip install 'gan_zoo[{name}]'" in refused(f"{name}('x')")


# ---- without a network

NOWHERE = "http://127.0.0.1:1"  # nothing listens there


def test_a_server_that_answers_anything_can_be_reached():
    assert "127.0.0.1:1 cannot be reached: " in why_unreachable(NOWHERE + "/some/file")
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        assert "no answer in 0.05 seconds" in why_unreachable(url, 0.05)

        def answer():
            connection = server.accept()[0]
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.0 403 Forbidden\r\n\r\n")

        server.accept()[0].close()  # what was not answered
        threading.Thread(target=answer, daemon=True).start()
        assert why_unreachable(url) == ""


def test_hub_does_not_wait_for_a_network_that_is_not_there(refused, monkeypatch):
    fake = types.ModuleType("datasets")
    fake.config = types.SimpleNamespace(HF_HUB_OFFLINE=False)
    fake.utils = types.SimpleNamespace(
        logging=types.SimpleNamespace(is_progress_bar_enabled=lambda: False)
    )
    fake.disable_progress_bars = lambda: None
    other = types.ModuleType("huggingface_hub")
    other.constants = types.SimpleNamespace(HF_HUB_OFFLINE=False)

    def load_dataset(*args, **kwargs):
        assert fake.config.HF_HUB_OFFLINE and other.constants.HF_HUB_OFFLINE  # else it waits
        raise ConnectionError("not in the cache")

    fake.load_dataset = load_dataset
    monkeypatch.setitem(sys.modules, "datasets", fake)
    monkeypatch.setitem(sys.modules, "huggingface_hub", other)
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    assert "(127.0.0.1:1 cannot be reached: " in refused("hub('some/set')")
    assert not fake.config.HF_HUB_OFFLINE and not other.constants.HF_HUB_OFFLINE


def test_tfds_does_not_wait_for_a_network_that_is_not_there(refused, monkeypatch, tmp_path):
    fake, name = types.ModuleType("tensorflow_datasets"), "tensorflow_datasets.core.download."
    downloader = types.ModuleType(name + "downloader")
    downloader.MAX_RETRIES = 10

    def download_and_prepare():
        assert downloader.MAX_RETRIES == 0  # else it waits
        raise ConnectionError("no such file")

    fake.builder = lambda name, data_dir: types.SimpleNamespace(
        data_dir=str(tmp_path / "x"),
        url_infos={f"{NOWHERE}/a.zip": None},
        download_and_prepare=download_and_prepare,
    )
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", fake)
    monkeypatch.setitem(sys.modules, name + "downloader", downloader)
    assert "(127.0.0.1:1 cannot be reached: " in refused("tfds('some_set')")
    assert downloader.MAX_RETRIES == 10


# ---- TensorFlow Datasets


@pytest.fixture
def prepared(tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")

    class LittlePets(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = {
                "image": tfds.features.Image(shape=(8, 8, 3)),
                "label": tfds.features.ClassLabel(names=["cat", "dog"]),
            }
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features)
            )

        def _split_generators(self, dl_manager):
            return {
                "train": self._generate_examples(range(8)),
                "test": self._generate_examples(range(8, 12)),
            }

        def _generate_examples(self, rows):
            for i in rows:
                yield i, {"image": IMAGES[i], "label": i % 2}

    builder = LittlePets(data_dir=tmp_path / "tfds")
    builder.download_and_prepare()
    return builder


def test_tfds_reads_splits_and_classes(read, refused, prepared, tmp_path):
    data = read(f"tfds('{prepared.data_dir}')")
    keys = {image.tobytes(): i for i, image in enumerate(IMAGES)}
    rows = [keys[image.tobytes()] for image in data.images]  # it keeps them in another order
    assert sorted(rows) == list(range(8))
    assert data.labels["class"].tolist() == [i % 2 for i in rows]
    assert data.label_values == {"class": ("cat", "dog")}
    again = read("tfds('little_pets', split='train+test')", tmp_path / "tfds")
    assert again.images.shape == (12, 8, 8, 3)
    assert "split='val'" in refused(f"tfds('{prepared.data_dir}', split='val')")
