"""Check images before training on them: ``gan_zoo audit FOLDER|ZIP|NPZ``, or with --data.

    gan_zoo audit my_pictures.zip --image_size=64
    gan_zoo audit --data=celeba --data_dir=img_align_celeba.zip --image_size=64

It prints broken files, sizes, gray and color, classes, exact and near duplicates, the hash by which
runs identify the data, and advice. It writes a contact sheet: images at random, then near
duplicates beside the image that they repeat.

Exact duplicates are equal in every pixel once decoded (upright, on white, 8 bits) at their own
size, or made smaller as in training beyond 89 megapixels; repeats at the size of training, which
drop_duplicates=True drops, are counted, too. A near duplicate is not an exact one; it correlates by
--near (0.995) or more with an earlier image, both as gray thumbnails of 16x16 pixels, and their
mean colors differ by at most 8 of 255. All pairs are compared.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from gan_zoo.commands.flags import define_image_flags
from gan_zoo.config import load_plugins
from gan_zoo.errors import UserError
from gan_zoo.files import file_to_write, free_path, write_json


def define_flags(values: flags.FlagValues) -> None:
    define_image_flags(values, "28", "the size of training")
    flags.DEFINE_float(
        "near",
        0.995,
        "the smallest correlation of near duplicates",
        0.5,
        1,
        flag_values=values,
    )
    flags.DEFINE_integer("seed", 0, "of the choice of images for the sheet", 0, flag_values=values)
    flags.DEFINE_string(
        "out",
        "",
        "the .png of the contact sheet; by default audit-NAME.png in the current folder",
        flag_values=values,
    )
    flags.DEFINE_bool("sheet", True, "write a contact sheet", flag_values=values)
    flags.DEFINE_string(
        "json", "", "a .json file for all results, with the names of all files", flag_values=values
    )


def main(values: flags.FlagValues, rest: list[str]) -> None:
    out, target = file_to_write(values.out, ".png"), file_to_write(values.json, ".json")
    load_plugins(values.plugins)
    data = values.data or ("files" if values.data_dir else "")
    if len(rest) > 1 or bool(rest) == bool(data):
        raise UserError(
            "one folder, archive or array is needed, or --data=NAME instead, but"
            f" {len(rest) + bool(data)} were given."
        )
    from gan_zoo import images
    from gan_zoo.analysis.audit import audit, open_audit_source
    from gan_zoo.analysis.audit_report import audit_json, audit_lines, contact_sheet

    source = open_audit_source(
        rest[0] if rest else "",
        data=data,
        data_dir=values.data_dir,
        image_size=values.image_size,
        channels=values.channels,
    )
    found = audit(source, values.near)
    record = audit_json(found)
    for line in audit_lines(record):
        print(line)
    if target:
        write_json(target, record)
        print(f"{target}: all results")
    if values.sheet:
        out = out or free_path(Path(f"audit-{source.name}.png"))
        images.save_png(out, contact_sheet(found, values.seed))
        print(f"{out}: the contact sheet")
