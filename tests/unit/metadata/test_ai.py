"""`ai`: how an image was generated, from the metadata that the generating programs write."""

from __future__ import annotations

import json
import zlib

import pytest

from exifinator.metadata.ai import MAX_VALUE_CHARACTERS, describe_generation
from tests.data import build
from tests.unit.readers import CASES, record_of

# The parameters that Stable Diffusion web UI writes.
PARAMETERS = (
    "a red boat, harbour\nat dusk\nNegative prompt: people, cars\n"
    'Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 512x512, Model: demo, Lora hashes: "a: 1, b: 2", '
    "Version: v1.6.0"
)
# The graph that ComfyUI writes. [node, output] links an input to another node.
GRAPH = {
    "3": {
        "class_type": "KSampler",
        "inputs": {"seed": 7, "steps": 30, "sampler_name": "euler", "positive": ["9", 0], "negative": ["8", 0]},
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "demo.safetensors"}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "a red boat"}},
    "8": {"class_type": "CLIPTextEncode", "inputs": {"text": "people"}},
    "9": {"class_type": "ConditioningCombine", "inputs": {"conditioning": ["7", 0]}},
}


def test_describe_generation__parameters_of_stable_diffusion__give_prompt_and_settings():
    assert describe_generation({"parameters": PARAMETERS}, {}) == {
        "prompt": "a red boat, harbour\nat dusk",
        "negative_prompt": "people, cars",
        "model": "demo",
        "software": "Stable Diffusion web UI v1.6.0",
        "sampler": "Euler a",
        "seed": 42,
        "steps": 20,
        "generated": True,
    }


def test_build_record__parameters_in_user_comment__are_read():
    comment = b"UNICODE\0" + PARAMETERS.encode("utf-16-be")
    photo = build.jpeg(build.exif_segment(build.tiff([], [(0x9286, build.UNDEFINED, comment)], order=">")))
    document = record_of(photo).document
    assert document["ai"]["prompt"] == "a red boat, harbour\nat dusk"
    assert "harbour" in document["words"]


@pytest.mark.parametrize("text", [{}, {"Title": "Boat"}])
@pytest.mark.parametrize("comment", ["", "taken at noon"])
def test_describe_generation__parameters_in_xmp__are_read_despite_other_texts(text, comment):
    ai = describe_generation(text, {"exif:UserComment": PARAMETERS}, comment)
    assert (ai["seed"], ai["negative_prompt"]) == (42, "people, cars")


@pytest.mark.parametrize(("seed", "expected"), [("123", 123), (" -4 ", -4), ("random", "random"), (7, 7)])
def test_describe_generation__seed_given_as_text__becomes_a_number_if_it_is_one(seed, expected):
    text = {"parameters": json.dumps({"prompt": "a boat", "seed": seed})}
    assert describe_generation(text, {})["seed"] == expected


def test_describe_generation__comfyui_graph__is_read_along_its_links():
    assert describe_generation({"prompt": json.dumps(GRAPH)}, {}) == {
        "software": "ComfyUI",
        "prompt": "a red boat",
        "negative_prompt": "people",
        "model": "demo.safetensors",
        "sampler": "euler",
        "seed": 7,
        "steps": 30,
        "generated": True,
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ({"invokeai_metadata": '{"positive_prompt": "a", "model": {"name": "m"}}'}, ("a", "m", "InvokeAI")),
        ({"sd-metadata": '{"model_weights": "m", "image": {"prompt": [{"prompt": "a"}]}}'}, ("a", "m", "InvokeAI")),
        ({"parameters": '{"sui_image_params": {"prompt": "a", "model": "m"}}'}, ("a", "m", "SwarmUI")),
        ({"parameters": '{"prompt": "a", "base_model": "m"}', "fooocus_scheme": "fooocus"}, ("a", "m", "Fooocus")),
        ({"Comment": '{"prompt": "a", "uc": "b"}', "Software": "NovelAI"}, ("a", None, "NovelAI")),
        ({"prompt": "a", "negative_prompt": "b", "use_stable_diffusion_model": "m"}, ("a", "m", None)),
        (
            {"Description": "a --v 6 Job ID: 01234567-89ab-cdef-0123-456789abcdef"},
            ("a --v 6", None, "Midjourney"),
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_describe_generation__metadata_of_other_programs__gives_prompt_model_and_software(text, expected):
    ai = describe_generation(text, {})
    assert (ai["prompt"], ai.get("model"), ai.get("software")) == expected


@pytest.mark.parametrize(
    ("xmp", "expected"),
    [
        (
            {"Iptc4xmpExt:DigitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"},
            {"source_type": "trainedAlgorithmicMedia", "generated": True},
        ),
        (
            {"Iptc4xmpExt:DigitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"},
            {"source_type": "digitalCapture"},
        ),
        (
            {"plus:DataMining": "http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED"},
            {"data_mining": "DMI-PROHIBITED"},
        ),
        (
            {"Iptc4xmpExt:AIPromptInformation": "a boat", "Iptc4xmpExt:AISystemUsed": "Demo"},
            {"prompt": "a boat", "software": "Demo", "generated": True},
        ),
        (
            {"exif:UserComment": ['{"c": "a boat", "model": "m", "seed": 3}']},
            {"prompt": "a boat", "model": "m", "seed": 3, "generated": True},
        ),
    ],
    ids=["generated", "captured", "opt-out", "prompt", "draw-things"],
)
def test_describe_generation__xmp_properties__are_read(xmp, expected):
    assert describe_generation({}, xmp) == expected


@pytest.mark.parametrize(
    "text",
    [
        {},
        {"Comment": "made by hand"},
        {"Comment": "{}"},
        {"Title": "Steps: up"},
        {"Comment": '{"steps": 3}'},
        {"prompt": "what the author asked for"},
    ],
    ids=str,
)
def test_describe_generation__ordinary_photo__is_empty(text):
    assert describe_generation(text, {}, "a comment, Seed: 1") == {}


@pytest.mark.parametrize(
    "value",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"1": {"inputs": {"positive": ["1", 0], "seed": 1}}}',
        '{"1": {"inputs": {"positive": [[], 0], "seed": 1}}, "2": 5}',
        '{"1": {"inputs": {"text": 5, "positive": {}, "seed": %s}}}' % ("9" * 4000),
        '{"prompt": ["a"], "seed": %s}' % ("9" * 40),
        '{"prompt": "a", "seed": NaN}',
        "Steps: 1, " * 10_000,
        "Steps: 1, " + 'A: "' * 10_000,
        "Steps: 1, " + "A" * 100_000,
        "x" * 2_000_000,
    ],
    ids=lambda value: value[:30],
)
def test_describe_generation__hostile_text__gives_values_within_the_limits(value):
    for name in ("prompt", "parameters", "Comment", "invokeai_metadata"):
        ai = describe_generation({name: value}, {"exif:UserComment": value}, value)
        assert all(not isinstance(field, int) or abs(field) < 1 << 63 for field in ai.values())
        assert all(not isinstance(field, str) or len(field) <= MAX_VALUE_CHARACTERS for field in ai.values())


def test_build_record__graph_too_long_to_keep__gives_its_prompt():
    graph = json.dumps({**GRAPH, "99": {"inputs": {"note": "x" * 50_000}}}).encode()
    document = record_of(build.png([build.chunk(b"zTXt", b"prompt\0\0" + zlib.compress(graph))])).document
    assert document["ai"]["prompt"] == "a red boat"
    assert document["dropped"] == ["text prompt"]


@pytest.mark.skipif(not CASES.exists(), reason="needs the folder of cases beside the project")
@pytest.mark.parametrize(("name", "model"), [("14a", "demo"), ("14c", None)])
def test_build_record__case_of_a_generated_png__has_the_words_of_its_prompt(name, model):
    document = record_of(next(CASES.glob(f"38*/{name}-*.png")).read_bytes()).document
    assert document["ai"]["prompt"].startswith("a red boat")
    assert document["ai"].get("model") == model
    assert "boat" in document["words"]
