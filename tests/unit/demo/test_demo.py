from __future__ import annotations

import dataclasses
import hashlib
import io
import warnings
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import exifread
import pytest
from PIL import Image, ImageChops, ImageOps, ImageStat, UnidentifiedImageError

from exifinator.demo import make_demo, render
from exifinator.demo.cameras import CAMERAS
from exifinator.demo.scenes import SCENES
from exifinator.demo.shots import Shot, plan_shots, sun_elevation

BROKEN = {"Unsorted/recovered 0001.jpg", "Unsorted/IMG_0000.JPG", "Unsorted/notes.jpg"}
PLAN = plan_shots()


def pick_shots() -> list[Shot]:
    """Return shots that include each scene, camera, kind and orientation.

    To draw them fast, all except the first have a quarter of the width and height.
    """
    picked: dict[str, Shot] = {}
    for shot in PLAN:
        variants = f"{shot.kind} turned {shot.orientation}", f"{shot.kind} described {shot.described}"
        for key in (shot.scene, shot.camera.model, f"{shot.camera.make} {shot.kind}", *variants):
            picked.setdefault(key, shot)
    # The first shot keeps its size, because the library contains a truncated copy of it.
    first, *others = [shot for shot in PLAN if shot in picked.values()]
    return [first, *map(quarter, others)]


def quarter(shot: Shot) -> Shot:
    width, height = shot.camera.size
    return dataclasses.replace(shot, camera=dataclasses.replace(shot.camera, size=(width // 4, height // 4)))


SHOTS = pick_shots()


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the picked shots, drawn once. The test of a fresh installation draws all 240 files."""
    folder = tmp_path_factory.mktemp("demo") / "photos"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("exifinator.demo.plan_shots", lambda: SHOTS)
        assert make_demo(folder) == len(SHOTS) + len(BROKEN)
    return folder


@pytest.fixture
def library(drawn: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a demo library with only the picked shots."""
    monkeypatch.setattr("exifinator.demo.plan_shots", lambda: SHOTS)
    return drawn


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def fingerprints(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in files(folder)
    }


def shot_of(**fields: object) -> Shot:
    """Return the first shot whose fields have these values."""
    return next(s for s in SHOTS if all(getattr(s, name) == value for name, value in fields.items()))


def read_tags(path: Path) -> dict[str, exifread.core.ifd_tag.IfdTag]:
    with path.open("rb") as file:
        return exifread.process_file(file, details=False)


def test_make_demo__empty_folder__gets_exactly_240_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exifinator.demo.render", lambda shot: b"photo")
    folder = tmp_path / "photos"
    assert make_demo(folder) == 240
    assert {str(path.relative_to(folder)) for path in files(folder)} == {shot.path for shot in PLAN} | BROKEN
    assert list(tmp_path.iterdir()) == [folder]


def test_render__shots_in_full_size__have_15_to_60_mb_in_total() -> None:
    sample = PLAN[::40]
    assert 15e6 < sum(len(render(shot)) for shot in sample) / len(sample) * len(PLAN) < 60e6


def test_make_demo__complete_library__is_not_changed(library: Path) -> None:
    before = fingerprints(library)
    assert make_demo(library) == 0
    assert fingerprints(library) == before


def test_make_demo__incomplete_library__is_completed_with_the_same_bytes(library: Path) -> None:
    before = fingerprints(library)
    missing = [library / path for path in (SHOTS[20].path, *BROKEN)]
    for path in missing:
        path.unlink()
    assert make_demo(library) == len(missing)
    assert fingerprints(library) == before


def test_make_demo__interrupted__leaves_only_complete_photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(shot: Shot) -> bytes:
        if shot is not SHOTS[0] and len(files(tmp_path / "photos")) == 3:
            raise KeyboardInterrupt
        return b"whole"

    monkeypatch.setattr("exifinator.demo.plan_shots", lambda: SHOTS)
    monkeypatch.setattr("exifinator.demo.render", stop)
    with pytest.raises(KeyboardInterrupt):
        make_demo(tmp_path / "photos")
    assert {path.read_bytes() for path in files(tmp_path / "photos")} == {b"whole"}
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_make_demo__photos__can_be_opened_and_differ(library: Path) -> None:
    small: list[Image.Image] = []
    for shot in SHOTS:
        with Image.open(library / shot.path) as picture:
            small.append(ImageOps.exif_transpose(picture).convert("RGB").resize((16, 16)))
    deviations = [sum(ImageStat.Stat(picture).stddev) / 3 for picture in small]
    assert min(deviations) > 4, "a photo has only one colour"
    for index, later in enumerate(small):
        for earlier in small[:index]:
            assert ImageStat.Stat(ImageChops.difference(later, earlier)).sum != [0, 0, 0]


def test_make_demo__broken_files__are_broken_in_different_ways(library: Path) -> None:
    assert (library / "Unsorted/IMG_0000.JPG").stat().st_size == 0
    assert (library / "Unsorted/notes.jpg").read_text().startswith("Shot list")
    with pytest.raises(UnidentifiedImageError):
        Image.open(library / "Unsorted/notes.jpg")
    with Image.open(library / "Unsorted/recovered 0001.jpg") as cut, pytest.raises(OSError, match="truncated"):
        cut.load()


def test_make_demo__shot_of_each_kind__is_in_its_container(library: Path) -> None:
    assert not read_tags(library / shot_of(kind="bare").path)
    for kind, container in {"jpeg": "JPEG", "bare": "JPEG", "png": "PNG", "webp": "WEBP", "tiff": "TIFF"}.items():
        with Image.open(library / shot_of(kind=kind).path) as picture:
            assert picture.format == container


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "tiff"])
def test_make_demo__exif__matches_the_shot(library: Path, kind: str) -> None:
    for shot in (s for s in SHOTS if s.kind == kind):
        with warnings.catch_warnings(), Image.open(library / shot.path) as picture:
            warnings.simplefilter("error")
            exif = picture.getexif()
            detail, gps = exif.get_ifd(0x8769), exif.get_ifd(0x8825)
            assert (exif[271], exif[272]) == (shot.camera.make, shot.camera.model)
            assert exif[274] == shot.orientation
            # Pillow returns the size of a TIFF as displayed, after its rotation.
            assert sorted((detail[0xA002], detail[0xA003])) == sorted(picture.size)
            assert detail[0x829A] == pytest.approx(shot.exposure.seconds[0] / shot.exposure.seconds[1])
            assert detail[0x8827] == shot.exposure.iso
            assert detail[0x9003] == f"{shot.taken:%Y:%m:%d %H:%M:%S}"
            assert bool(gps) == shot.camera.gps
            if gps:
                degrees, minutes, seconds = (float(part) for part in gps[2])
                latitude = (degrees + minutes / 60 + seconds / 3600) * (1 if gps[1] == "N" else -1)
                assert latitude == pytest.approx(shot.latitude, abs=1e-6)


def test_make_demo__jpeg__has_offset_subseconds_lens_and_thumbnail(library: Path) -> None:
    shot = next(s for s in SHOTS if s.kind == "jpeg" and s.thumbnail and s.camera.model == "iPhone 13 Pro")
    tags = read_tags(library / shot.path)
    assert str(tags["EXIF OffsetTimeOriginal"]) == f"{shot.taken:%z}"[:3] + ":" + f"{shot.taken:%z}"[3:]
    assert str(tags["EXIF SubSecTimeOriginal"]) == f"{shot.taken.microsecond // 1000:03}"
    assert str(tags["EXIF LensModel"]) == shot.exposure.lens.model
    with Image.open(io.BytesIO(tags["JPEGThumbnail"])) as thumbnail:
        assert max(thumbnail.size) == 160


def test_make_demo__camera_makes__are_spelled_as_in_real_files(library: Path) -> None:
    makes = Counter(str(read_tags(library / s.path)["Image Make"]) for s in SHOTS if s.kind == "jpeg")
    assert len(makes) == 10
    assert {"SONY", "NIKON CORPORATION", "LEICA CAMERA AG"} < set(makes)


def test_make_demo__modification_times__are_the_times_of_the_photos(library: Path) -> None:
    assert all((library / shot.path).stat().st_mtime == int(shot.taken.timestamp()) for shot in SHOTS)


def test_render__xmp__is_in_every_container(library: Path) -> None:
    for kind in ("jpeg", "png", "webp", "tiff"):
        shot = shot_of(kind=kind, described=True)
        with Image.open(library / shot.path) as picture:
            subject = str(picture.getxmp())
        assert all(word in subject for word in shot.keywords), kind


def test_render__same_shot__is_the_same_bytes() -> None:
    assert render(SHOTS[-1]) == render(SHOTS[-1])
    assert render(SHOTS[-1]) != render(dataclasses.replace(SHOTS[-1], seed="another"))


def test_plan_shots__kinds_orientations_and_names__are_varied() -> None:
    kinds = Counter(shot.kind for shot in PLAN)
    assert kinds["jpeg"] > 200
    assert all(kinds[kind] >= 3 for kind in ("bare", "png", "webp", "tiff"))
    assert {shot.orientation for shot in PLAN} == {1, 3, 6, 8}
    assert sum(shot.camera.make == "SONY" for shot in PLAN) > 40
    assert {shot.scene for shot in PLAN} == set(SCENES)
    names = "\n".join(shot.path for shot in PLAN)
    assert all(part in names for part in (" ", "ü", "🏖", "秋"))


def test_plan_shots__second_call__is_the_same_plan() -> None:
    assert plan_shots() == PLAN
    assert len({shot.path for shot in PLAN}) == len({shot.seed for shot in PLAN}) == len(PLAN) == 237
    assert len({shot.taken.year for shot in PLAN}) == 8
    assert len({shot.camera.model for shot in PLAN}) == len(CAMERAS)


def test_plan_shots__cameras__are_not_used_before_they_existed() -> None:
    assert [s.path for s in PLAN if s.taken.date() < s.camera.released] == []


def test_plan_shots__night_scenes__are_taken_at_night() -> None:
    night = [s for s in PLAN if s.scene in ("aurora", "milky_way", "bokeh")]
    assert night
    assert max(s.elevation for s in night) < -15
    day = [s for s in PLAN if s.scene not in ("aurora", "milky_way", "bokeh", "skyline", "moon")]
    assert min(s.elevation for s in day) > -6


def test_plan_shots__dark_scene__is_exposed_more() -> None:
    def light_gathered(shot: Shot) -> float:
        seconds = shot.exposure.seconds[0] / shot.exposure.seconds[1]
        return seconds * shot.exposure.iso / shot.exposure.f_number**2

    bright = [light_gathered(s) for s in PLAN if s.elevation > 30 and s.scene in ("mountains", "sea", "road", "lake")]
    dark = [light_gathered(s) for s in PLAN if s.scene == "milky_way"]
    assert min(dark) > 1000 * max(bright)


@pytest.mark.parametrize(
    ("at", "latitude", "longitude", "degrees"),
    [
        pytest.param(datetime(2024, 6, 20, 12, 2, tzinfo=UTC), 51.4779, 0.0, 61.96, id="greenwich-solstice-noon"),
        pytest.param(datetime(2024, 3, 20, 12, 7, tzinfo=UTC), 0.0, 0.0, 90.0, id="equator-equinox-noon"),
        pytest.param(datetime(2024, 12, 21, 11, 10, tzinfo=UTC), 67.93, 13.09, -1.4, id="lofoten-polar-night"),
    ],
)
def test_sun_elevation__known_time_and_position__is_the_known_elevation(
    at: datetime, latitude: float, longitude: float, degrees: float
) -> None:
    assert sun_elevation(at, latitude, longitude) == pytest.approx(degrees, abs=0.6)
