"""Class labels: from folders, parts, masks, and files beside the pictures; which pictures are used."""

import json

import numpy as np
import pytest

from gan_zoo.datasets.class_labels import class_notes, label_pictures
from gan_zoo.datasets.label_files import classes_of_array
from gan_zoo.errors import UserError


def label(names, files=None, **arguments):
    """The pictures that are used, the class name of each, and the notes as one text."""
    files = {name: text.encode() for name, text in (files or {}).items()}
    names = sorted(names)
    found = label_pictures(names, [*names, *files], files.__getitem__, where="d", **arguments)
    words = None
    if found.labels is not None:
        assert found.labels.dtype == np.int32 and len(found.labels) == len(found.names)
        words = [found.classes[i] for i in found.labels]
    return list(found.names), words, " | ".join(found.notes)


def each(folders, number=3, name="{i}.png"):
    return [f"{f}/{name.format(f=f, i=i)}" for f in folders for i in range(number)]


def numbered(folders, number=10, digits=8):
    """Files whose numbers go on from folder to folder, as StyleGAN's tool writes them."""
    return [
        f"{f}/img{k * number + i:0{digits}d}.png"
        for k, f in enumerate(folders)
        for i in range(number)
    ]


def refused(*args, **kwargs):
    with pytest.raises(UserError) as e:
        label(*args, **kwargs)
    assert str(e.value).endswith(".") and "\n" not in str(e.value)
    return str(e.value)


# ---- folders


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (numbered(["00000", "00001", "00002"]), "numbered parts"),
        (numbered(["00000", "01000"], 4, 5), "numbered parts"),  # of FFHQ
        (each(["00000", "00001"], 4), "numbered parts"),  # 0.png in each
        (numbered(["00", "01"]), "numbered parts"),
        (each(["shard_0", "shard_1"]), "numbered parts"),
        (each(["part-1", "part-2", "part-10"]), "numbered parts"),
        (each(["images_001", "images_002"]), "numbered parts"),
        (each(["Batch 1", "Batch 2"]), "numbered parts"),
        (each(["data-00000-of-00002", "data-00001-of-00002"]), "numbered parts"),
        (each(["New folder", "New folder (2)"]), "numbered parts"),
        (each(["clip_1", "clip_2"]), "numbered parts"),
        (each(["Photos from 2018", "Photos from 2019"]), "dates"),
        (each(["100CANON", "101CANON"]), "folders of a camera"),
        (each(["100_PANA", "101MSDCF"]), "folders of a camera"),
        (each(["2019-05-01", "2020-01-31"]), "dates"),
        (each(["2019", "2020"]), "dates"),
        (["ab/ab12cd34.png", "0f/0f99aa00.png", "ce/ce00ff11.png"], "beginnings of hashes"),
        (["ab/12/ab12cd34.png", "0f/99/0f99aa00.png"], "beginnings of hashes"),
        ([f"{i:02x}/{i}.png" for i in range(0, 256, 7)], "beginnings of hashes"),
    ],
)
def test_folders_that_are_no_classes(names, kind):
    used, words, notes = label(names)
    assert used == sorted(names) and words is None
    assert notes.startswith("labels are not taken from the folders") and kind in notes
    assert 'classes="folders"' in notes
    assert set(label(names, classes="folders")[1]) == {n.split("/")[0] for n in names}


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (each(["cat", "dog"]), ""),
        (each("0123456789"), "taken as classes"),  # MNIST
        (each("0123456789", name="{f}_{i}.png"), "taken as classes"),
        (each([str(i) for i in range(12)]), "taken as classes"),
        (each([f"{i:02d}" for i in range(43)]), "taken as classes"),
        (
            [f"{i:05d}/{k:05d}.ppm" for i, n in enumerate((2, 9, 5, 3)) for k in range(n)],
            "taken as classes",
        ),  # the traffic signs of GTSRB
        (each(["0000045", "0000099", "0000102"], 2) + ["0000099/7.png"], "taken as classes"),
        (each(["001.Albatross", "002.Auklet"]), ""),
        (each(["class_0", "class_1"]), ""),
        (each(["s1", "s2"]), ""),
        (each("ab"), ""),
        (each(["4a", "30", "31"], name="hsf_{i}.png"), ""),  # characters by their codes
        (each(["A1", "B2", "C1"]), ""),
        (each(["bad", "fee", "cab"]), ""),
        (each(["mask", "no_mask"]), ""),
        (each(["with_mask", "without_mask"]), ""),
        (each(["train", "bus", "car"]), ""),  # vehicles
        (each(["images", "cartoons"]), ""),
    ],
)
def test_folders_that_are_classes(names, said):
    used, words, notes = label(names)
    assert words == [name.split("/")[0] for name in used] and len(used) == len(names)
    assert said in notes and bool(notes) == bool(said)
    assert label(names, classes="none")[1:] == (None, "")


def test_classes_below_numbered_parts():
    names = [f"chunk_{k}/{c}/{k}{i}.png" for k in (1, 2) for c in ("cat", "dog") for i in range(2)]
    assert label(names)[1] == ["cat", "cat", "dog", "dog"] * 2


def test_a_picture_beside_class_folders_takes_the_labels_away_and_that_is_said():
    used, words, notes = label([*each(["cat", "dog"]), "logo.png"])
    assert len(used) == 7 and words is None
    assert "1 of 7 pictures are in none of the folders cat, dog (such as logo)" in notes
    assert "needs each picture" in refused([*each(["cat", "dog"]), "logo.png"], classes="folders")


# ---- parts


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "test"),
        ("Training", "Testing"),
        ("TRAIN", "VALIDATION"),
        ("train2017", "val2017"),
        ("seg_train", "seg_test"),
        ("training_set", "test_set"),
        ("DIV2K_train_HR", "DIV2K_valid_HR"),
    ],
)
@pytest.mark.parametrize("order", ["{part}/{c}/{i}.png", "{c}/{part}/{i}.png"])
def test_parts_are_no_classes(train, test, order):
    names = [
        order.format(part=part, c=c, i=i)
        for part in (train, test)
        for c in ("cat", "dog")
        for i in range(3)
    ]
    used, words, notes = label(names)
    assert used == sorted(name for name in names if train in name)
    assert words == ["cat"] * 3 + ["dog"] * 3
    assert "6 of " in notes and "are left out" in notes and 'split="all"' in notes
    assert ("held_out='files(split=\"test\")'" in notes) == ("test" in test.lower())
    everything, words, notes = label(names, split="all")
    assert everything == sorted(names) and set(words) == {"cat", "dog"} and notes == ""


def test_each_part_can_be_chosen():
    names = each(["train", "val", "test"], 2)
    for split, folders in (("test", "test"), ("val", "val"), ("train+val", "train val")):
        used, words, _ = label(names, split=split)
        assert {name.split("/")[0] for name in used} == set(folders.split()) and words is None
    assert "choose from: train, val, test, all" in refused(names, split="dev")
    assert "no part val" in refused(each(["train", "test"]), split="val")
    assert "has no parts" in refused(each(["cat", "dog"]), split="test")
    assert "and no part train" in refused(each(["val", "test"]))


def test_a_class_has_one_number_in_all_parts():
    names = [*each(["train/cat", "train/eel"]), *each(["test/bat", "test/eel"])]
    found = label_pictures(names, names, {}.__getitem__, split="test")
    assert found.classes == ("cat", "eel", "bat")
    assert found.labels.tolist() == [2, 2, 2, 1, 1, 1]


def test_pictures_beside_the_parts_are_told():
    used, _, notes = label([*each(["train", "test", "extra"]), "logo.png"])
    assert used == each(["train"]) and "3 of test and 4 in none of these parts" in notes
    assert len(label([*each(["train", "test", "extra"]), "logo.png"], split="all")[0]) == 10


def test_domains_of_unpaired_sets_are_classes():
    names = each(["trainA", "trainB", "testA", "testB"])
    used, words, _ = label(names)
    assert used == each(["trainA", "trainB"]) and words == ["A"] * 3 + ["B"] * 3


# ---- masks


@pytest.mark.parametrize(
    "names",
    [
        each(["images", "masks"]),
        each(["JPEGImages", "SegmentationClass"]),
        each(["imgs", "annotations", "labels"]),
        each(["img", "ground_truth"]),
        [*each(["images"]), *each(["masks"], name="{i}_mask.png")],
        each(["horses", "masks"]),
        ["a.jpg", "b.jpg", "masks/a.png", "masks/b.png"],
        ["a.jpg", "b.jpg", "c.jpg", "a_mask.png", "b_mask.png"],
        ["x (1).png", "x (1)_mask.png", "x (1)_mask_1.png"],
        each(["cat/images", "cat/masks", "dog/images", "dog/masks"], name="{i}.png"),
        each(["train_images", "train_masks", "test_images", "test_masks"]),
    ],
)
def test_masks_are_left_out(names):
    used, words, notes = label(names)
    parts = ("mask", "Segm", "annot", "labels", "truth", "test")
    assert used == sorted(n for n in names if not any(part in n for part in parts))
    assert words is None or set(words) == {"cat", "dog"}
    assert "they are masks or labels" in notes and 'classes="none"' in notes
    if "train" not in names[0]:
        assert len(label(names, classes="none")[0]) == len(names)


def test_what_only_sounds_like_masks_stays():
    names = [*each(["cat", "dog", "labels"], name="{i}.png"), "cat/me_mask.png", "cat/me.png"]
    used, words, notes = label(names)
    assert len(used) == len(names) and set(words) == {"cat", "dog", "labels"} and notes == ""


# ---- dataset.json

SHARDS = numbered(["00000", "00001"], 3)


@pytest.mark.parametrize("folder", ["", "cifar/"])
def test_labels_of_stylegan(folder):
    names = [folder + name for name in SHARDS]
    labels = [[name, i % 3 + 8] for i, name in enumerate(SHARDS)]
    found = label(names, {f"{folder}dataset.json": json.dumps({"labels": labels})})
    assert found[:2] == (names, ["8", "9", "10"] * 2)
    assert "dataset.json" in found[2]
    hot = [[name, np.eye(3)[n - 8].tolist()] for name, n in labels]
    assert label(names, {f"{folder}dataset.json": json.dumps({"labels": hot})})[1] == list("012012")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"labels": null}', "says that there are none (null)"),
        ('{"labels": [["00000/img00000000.png", 1]]}', "has labels for 1 of 6 pictures (none for"),
        ('{"labels": [["x.png", 1]]}', "has labels for 0 of 6 pictures"),
        ('{"labels": [["00000', "is not valid JSON"),
        ('{"labels": [1, 2, 3]}', "as a list of [file, number]"),
        (json.dumps({"labels": [[n, [0.5, 1.5]] for n in SHARDS]}), "which are no classes"),
        (json.dumps({"labels": [[n, {"a": 1}] for n in SHARDS]}), "has no number for 00000/"),
        (json.dumps({"labels": [[n, float("nan")] for n in SHARDS]}), "has the label nan"),
        (json.dumps({"labels": [[n, float("inf")] for n in SHARDS]}), "has the label inf"),
        (json.dumps({"labels": [[n, 10**400] for n in SHARDS]}), "has the label 1000"),
        (json.dumps({"labels": [[n, 1.5] for n in SHARDS]}), "not whole"),
        (json.dumps({"labels": [[n, True] for n in SHARDS]}), "but True"),
        (
            json.dumps({"labels": [[n, [1, *[0] * (i % 2)]] for i, n in enumerate(SHARDS)]}),
            "of different kinds",
        ),
        (
            json.dumps({"labels": [[n, [1, 1][i % 2 :]] for i, n in enumerate(SHARDS)]}),
            "of different kinds",
        ),
    ],
)
def test_a_dataset_json_that_gives_no_labels(text, says):
    used, words, notes = label(SHARDS, {"dataset.json": text})
    assert used == SHARDS and words is None
    assert notes.startswith("labels are left out, since dataset.json") and says in notes


@pytest.mark.parametrize(
    ("values", "classes", "says"),
    [
        ([-1, 0, 1, 1, 0, -1], "-1 0 1 1 0 -1", "2 of 6 pictures have the label -1"),
        ([-1, 1, 1, 1, 1, -1], "-1 1 1 1 1 -1", ""),
        ([1, "cat", 1, 1, 1, 1], "1 cat 1 1 1 1", "numbers as well as words, such as 1 and cat"),
        ([1, 1.0, "1", "1.0", 2, 2], "1 1 1 1 2 2", ""),
        (list("abcabc"), "a b c a b c", ""),
    ],
)
def test_odd_labels_in_dataset_json(values, classes, says):
    text = json.dumps({"labels": list(zip(SHARDS, values, strict=True))})
    _, words, notes = label(SHARDS, {"dataset.json": text})
    assert words == classes.split()
    assert says in notes and notes.count(" | ") == bool(says)


def test_a_dataset_json_of_another_program():
    for text in ('{"numTraining": 6}', "[1]"):
        _, words, notes = label(each(["cat", "dog"]), {"dataset.json": text})
        assert set(words) == {"cat", "dog"}
        assert "dataset.json" in notes and "not read" in notes


# ---- tables

FLAT = [f"{i}.png" for i in range(6)]


def table(*rows, separator=","):
    return "".join(separator.join(map(str, row)) + "\n" for row in rows)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("metadata.csv", table(("file_name", "label"), *((n, "ab"[i % 2]) for i, n in enumerate(FLAT)))),
        ("metadata.jsonl", "".join(json.dumps({"file_name": n, "label": "ab"[i % 2]}) + "\n" for i, n in enumerate(FLAT))),
        ("labels.csv", table(("id", "breed"), *((i, "ab"[i % 2]) for i in range(6)))),
        ("labels.csv", table(*((n, "ab"[i % 2]) for i, n in enumerate(FLAT)))),
        ("a.tsv", table(("image", "class"), *((f"./{n}", "ab"[i % 2]) for i, n in enumerate(FLAT)), separator="\t")),
        ("a.csv", table(("x", "path", "label"), *((i * 0.7, f"C:\\me\\{n}", "ab"[i % 2]) for i, n in enumerate(FLAT)), separator=";")),
        ("a.csv", table(("file", "class_name", "label"), *((n, "ab"[i % 2], i % 2) for i, n in enumerate(FLAT)))),
        ("a.csv", "sep=;\n" + table(("file", "label"), *((n, "ab"[i % 2]) for i, n in enumerate(FLAT)), separator=";")),
        ("a.csv", table(("file", "label"), *((n, "ab"[i % 2]) for i, n in enumerate(FLAT)), separator="|")),
        ("a.csv", table(("", "file", "breed"), *((i, n, "ab"[i % 2]) for i, n in enumerate(FLAT)))),
        ("a.jsonl", "".join(json.dumps({"file_name": n, "label": ["ab"[i % 2]]}) + "\n" for i, n in enumerate(FLAT))),
        ("all.csv", table(("file", "label"), *((n, "ab"[i % 2]) for i, n in enumerate(FLAT)), ("test.png", "c"))),
    ],
)  # fmt: skip
@pytest.mark.parametrize("folder", ["", "deep/er/"])
def test_a_table_gives_labels(file, text, folder):
    names = [folder + name for name in FLAT]
    for encoded in (text, "\ufeff" + text, text.replace("\n", "\r\n")):
        used, words, notes = label(names, {folder + file: encoded})
        assert used == names and words == list("ababab")
        assert notes.startswith("the classes are the column '") and file in notes


@pytest.mark.parametrize(
    ("file", "start"),
    [
        ("labels.csv", "/home/me/data/"),
        ("labels.csv", "C:\\me\\data\\"),
        ("labels.csv", "data\\"),
        ("tables/labels.csv", ""),
        ("x1/labels.csv", "./"),
    ],
)
def test_paths_from_another_folder(file, start):
    """Folders of which each has a 0.png: the name of a file alone does not tell them apart."""
    names = each(["x1", "x2"], 4)
    paths = [start + (n.replace("/", "\\") if "\\" in start else n) for n in names]
    text = table(("file", "label"), *((p, "ab"[i % 2]) for i, p in enumerate(paths)))
    assert label(names, {file: text}, classes="label")[1] == list("abababab")
    stylegan = json.dumps({"labels": [[p, i % 2] for i, p in enumerate(paths)]})
    assert label(names, {f"{file[:-10]}dataset.json": stylegan})[1] == list("01010101")


@pytest.mark.parametrize(
    ("given", "there"),
    [("img_{}.png", "IMG_{}.PNG"), ("B\u00e4r {}.jpg", "Ba\u0308r {}.jpg"), ("A{}.tif", "a{}.png")],
)
def test_capitals_and_accents_in_names_of_files(given, there):
    names = [there.format(i) for i in range(6)]
    rows = [(given.format(i), "ab"[i % 2]) for i in range(6)]
    assert label(names, {"train.csv": table(("file", "label"), *rows)})[1] == list("ababab")


def test_names_that_only_capitals_tell_apart_are_told_apart():
    names = ["A.png", "a.png", "B.png", "b.png"]
    rows = [(name, name[0]) for name in names]
    assert label(names, {"l.csv": table(("file", "label"), *rows)}, classes="label")[1] == list(
        "ABab"
    )


def test_numbers_are_sorted_as_numbers():
    rows = [(n, v) for n, v in zip(FLAT, (10, 9, 10, 9, 8, 8), strict=True)]
    found = label_pictures(
        FLAT, ["l.csv"], {"l.csv": table(("file", "label"), *rows).encode()}.__getitem__
    )
    assert found.classes == ("8", "9", "10") and found.labels.tolist() == [2, 1, 2, 1, 0, 0]


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("metadata.jsonl", "".join(json.dumps({"file_name": n, "text": f"a cat {n}"}) + "\n" for n in FLAT), "6 values for 6 pictures, which are no classes"),
        ("metadata.jsonl", '{"file_name": "0.png"\n', "not valid JSON in line 1"),
        ("metadata.csv", table(("file_name", "label"), ("0.png", "a")), "has labels for 1 of 6 pictures (none for 1.png)"),
        ("labels.csv", table(("file", "label"), *((n, "") for n in FLAT)), "has labels for 0 of 6"),
        ("metadata.jsonl", "".join(json.dumps({"file_name": n, "label": float("nan") if i else "a"}) + "\n" for i, n in enumerate(FLAT)), "has labels for 1 of 6 pictures"),
        ("metadata.jsonl", "".join(json.dumps({"file_name": n, "tags": ["a", "b"]}) + "\n" for n in FLAT), "no column of single values"),
        ("boxes.csv", table(("file", "class"), *((n, c) for n in FLAT for c in "ab")), "gives 0.png more than one label (a, b)"),
        ("ages.csv", table(("file", "age"), *((n, i // 2 + 0.5) for i, n in enumerate(FLAT))), "not whole"),
        ("list_attr_celeba.csv", table(("image_id", "Bald", "Smiling"), *((n, 1, -1) for n in FLAT)), "has 2 columns (Bald, Smiling)"),
        ("list_attr_celeba.txt", "6\nBald Smiling\n" + table(*((n, 1, -1) for n in FLAT), separator="  "), "has 2 columns (Bald, Smiling)"),
    ],
)  # fmt: skip
def test_a_table_without_sure_labels_is_told(file, text, says):
    used, words, notes = label(FLAT, {file: text})
    assert used == FLAT and words is None
    assert notes.startswith(f"labels are left out, since {file}") and says in notes


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("labels.xlsx", True),
        ("imagelabels.mat", True),
        ("train/_annotations.coco.json", True),
        ("classes.txt", True),
        ("readme.txt", False),
        ("labels.md", False),
        (".labels.txt", False),
    ],
)
def test_files_of_labels_that_are_not_read_are_told(file, told):
    notes = label(FLAT, {file: "x"})[2]
    assert (
        notes.startswith(f"labels are left out, since {file} is of a kind") == told == bool(notes)
    )
    assert label(each(["cat", "dog"]), {file: "x"})[2] == ""  # the folders are the classes


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin1"])
def test_tables_in_other_encodings(encoding):
    text = table(("file", "label"), *((n, ["Bär", "Katze"][i % 2]) for i, n in enumerate(FLAT)))
    found = label_pictures(FLAT, ["labels.csv"], lambda name: text.encode(encoding))
    assert found.classes == ("Bär", "Katze")


def test_captions_may_hold_any_character():
    """Of U+2028 and others, ``str.splitlines`` makes lines of their own."""
    rows = (
        {"file_name": n, "text": "a\u2028b\x85c\x0b", "label": "ab"[i % 2]}
        for i, n in enumerate(FLAT)
    )
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    assert label(FLAT, {"metadata.jsonl": text})[1] == list("ababab")


def test_a_table_about_other_things():
    assert label(FLAT, {"prices.csv": table(("day", "price"), (1, 2))})[1:] == (None, "")
    assert "names none" in label(FLAT, {"labels.csv": table(("file", "label"), ("x", 2))})[2]
    assert "names none" in label(FLAT, {"train.csv": table(("id", "label"), ("x", 2))})[2]
    files = {
        f"{k}.csv": table(("id", "label"), *((f"{k}{i}", i % 2) for i in range(6)))
        for k in ("a", "b")
    }
    _, words, notes = label([f"b{i}.png" for i in range(6)], files)
    assert words == list("010101") and "names none" not in notes
    row = json.dumps({"id": "x", "label": 2})
    assert "names none" in label(FLAT, {"train.jsonl": row})[2]


def test_names_of_files_that_several_folders_have_are_told():
    names = each(["x", "y"], 4)
    text = table(("file", "label"), *((f"{i}.png", i % 2) for i in range(4)))
    assert "or only names that several have" in refused(names, {"l.csv": text}, classes="label")


def test_a_column_can_be_named():
    rows = [(n, "ab"[i % 2], i // 3, i % 2 + 0.5) for i, n in enumerate(FLAT)]
    files = {"attributes.csv": table(("file", "Hat", "Age", "Stars"), *rows)}
    assert label(FLAT, files, classes="Stars")[1] == ["0.5", "1.5"] * 3
    assert label(FLAT, files, classes="Hat")[1] == list("ababab")
    assert label(FLAT, files, classes="Age")[1] == list("000111")
    said = refused(FLAT, files, classes="hat")
    assert "'hat' (attributes.csv has the columns Hat, Age, Stars)" in said
    assert "'Hat'" in refused(FLAT, {}, classes="Hat")


def test_folders_and_a_table():
    names = each(["cat", "dog"], 2)
    rows = [(name, name[:3]) for name in names]
    same = table(("file", "label"), *rows)
    other = table(("file", "label"), *((name, "ab"[i % 2]) for i, name in enumerate(names)))
    assert label(names, {"l.csv": same})[1:] == (["cat", "cat", "dog", "dog"], "")
    words, notes = label(names, {"l.csv": other})[1:]
    assert words == ["cat", "cat", "dog", "dog"] and "those of l.csv are not read" in notes
    words, notes = label(names, {"metadata.csv": other})[1:]
    assert words == list("abab") and 'classes="folders"' in notes


def test_each_part_has_its_own_table():
    files = {
        f"{part}/metadata.csv": table(("file_name", "label"), ("0.png", "a"), ("1.png", part))
        for part in ("train", "test")
    }
    used, words, _ = label(each(["train", "test"], 2), files)
    assert used == each(["train"], 2) and words == ["a", "train"]


def test_many_folders_may_have_a_table_each():
    names = each([f"f{k}" for k in range(30)], 2)
    rows = table(("file_name", "label"), ("0.png", "a"), ("1.png", "b"))
    assert label(names, {f"f{k}/metadata.csv": rows for k in range(30)})[1] == ["a", "b"] * 30


@pytest.mark.parametrize("file", ["labels.csv", "list_attr_celeba.txt"])
def test_a_table_of_many_pictures_of_which_the_last_are_there(file):
    rows = [(f"x{i}.png", "q", 1) for i in range(9000)] + [
        (n, "ab"[i % 2], 1) for i, n in enumerate(FLAT)
    ]
    text = table(("file", "label", "b"), *rows)
    if file.endswith(".txt"):
        text = f"{len(rows)}\nlabel b\n" + table(*rows, separator=" ")
    assert label(FLAT, {file: text})[1] == list("ababab")


def test_a_dataset_json_that_contradicts_itself():
    labels = [[name, 0] for name in SHARDS] + [[SHARDS[2], 1]]
    _, words, notes = label(SHARDS, {"dataset.json": json.dumps({"labels": labels})})
    assert words is None and f"gives {SHARDS[2]} more than one label (0, 1)" in notes


def test_a_file_of_labels_that_cannot_be_read():
    def read(name):
        raise OSError("it is gone")

    found = label_pictures(FLAT, [*FLAT, "dataset.json"], read)
    assert found.labels is None and "cannot be read (it is gone)" in found.notes[0]


# ---- arrays and sizes


@pytest.mark.parametrize(
    ("array", "classes", "labels"),
    [
        (np.eye(3)[[2, 0, 2]], ("0", "1", "2"), [2, 0, 2]),
        (np.eye(3, dtype=bool), ("0", "1", "2"), [0, 1, 2]),
        (np.array([1.0, 0.0, 1.0]), ("0", "1"), [1, 0, 1]),
        (np.array([[7], [5], [7]]), ("5", "7"), [1, 0, 1]),
        (np.array([b"b", b"a", b"b"]), ("a", "b"), [1, 0, 1]),
    ],
)
def test_classes_in_an_array(array, classes, labels):
    found = classes_of_array(array, 3)
    assert found[0].tolist() == labels and found[1] == classes


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.array([[1, 1, 0]] * 3), "not one-hot"),
        (np.array([[0.2, 0.8]] * 3), "not one-hot"),
        (np.array([0.5, 1, 2]), "not whole"),
        (np.array([np.nan, 1, 2]), "not whole"),
        (np.array([1e300, 1, 2]), "too large"),
        (np.zeros(4), "shape (4,), and there are 3"),
        (np.array([1j, 2, 3]), "type complex128"),
        (np.array(["", "a", "b"]), "no text for 1 of 3 images"),
        (np.array([b"a", b"a", b""]), "no text for 1 of 3 images"),
    ],
)
def test_an_array_that_has_no_classes(array, says):
    assert says in classes_of_array(array, 3)


def test_classes_that_only_capitals_tell_apart_are_told():
    (note,) = class_notes(np.arange(9) % 3, ["Cat", "cat", "dog"])
    assert note.startswith("Cat and cat are taken as 2 classes")
    (note,) = class_notes(np.arange(9) % 3, ["B\u00e4r", "Ba\u0308r", "dog"])
    assert "are taken as 2 classes" in note and "accents" in note


def test_uneven_classes_are_told_with_numbers():
    def told(*counts):
        labels = np.repeat(np.arange(len(counts)), counts)
        return " ".join(class_notes(labels, [f"c{i}" for i in range(len(counts))]))

    assert told(5, 9) == told(7) == ""
    assert told(50, 0, 40) == "1 of 3 classes have no image (c1)."
    assert told(2, 40) == "the classes are uneven: c0 has 2 images and c1 40."
    assert told(2, 1) == "1 of 2 classes have a single image (c1)."
    assert told(1, 10, 1) == (
        "the classes are uneven: c0 has 1 images and c1 10, and 2 of 3 classes have a single image"
        " (c0, c2)."
    )
