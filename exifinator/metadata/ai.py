"""Describe how an image was generated: `ai`, from what the programs that generate images write.

Sources: samples of each program; IPTC Photo Metadata Standard 2025.1 (DigitalSourceType, AIPromptInformation,
AISystemUsed); PLUS (DataMining).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

Fields = Mapping[str, str | list[str]]

# Longer texts are not read as JSON. ComfyUI's graph of a hundred nodes has 50 KB.
MAX_JSON_CHARACTERS = 512 * 1024
MAX_NODES, MAX_LINKS = 2000, 8
MAX_CHARACTERS = 10_000
# MongoDB's integers have 64 bits.
LARGEST_INTEGER = (1 << 63) - 1

# The last paragraph of Stable Diffusion's parameters: "Steps: 20, Sampler: Euler a, Seed: 42, Model: name".
SETTINGS_LINE = re.compile(r"(?:^|\n)(Steps: *\d+, *[^\n]*)")
SETTING = re.compile(r" *([A-Z][\w .-]{0,40}): *(\"(?:[^\"\\]|\\.)*+\"|[^,]*+)(?:,|$)")
NEGATIVE_PROMPT = "Negative prompt:"
MIDJOURNEY_JOB = re.compile(r"\s*Job ID: *[0-9a-f-]{36}\s*$")

# Field of `ai` -> names that programs use for it in JSON.
JSON_NAMES = {
    "prompt": ("prompt", "positive_prompt", "Prompt", "positivePrompt", "c"),
    "negative_prompt": ("negative_prompt", "negativeprompt", "Negative Prompt", "negativePrompt", "uc"),
    "model": ("model", "base_model", "model_name", "model_weights", "use_stable_diffusion_model", "ckpt_name"),
    "sampler": ("sampler", "sampler_name", "scheduler"),
    "seed": ("seed", "noise_seed"),
    "steps": ("steps", "num_inference_steps"),
}
# Names of texts that hold JSON -> the program that writes them.
JSON_TEXTS = {
    "invokeai_metadata": "InvokeAI",
    "sd-metadata": "InvokeAI",
    "sui_image_params": "SwarmUI",
    "generation_data": "TensorArt",
    "Comment": "",
    "parameters": "",
}
# Values of DigitalSourceType, after the last slash, of pictures that were generated wholly or partly.
GENERATED_TYPES = frozenset(
    {"trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "algorithmicMedia", "compositeSynthetic"}
)


def describe_generation(text: Fields, xmp: Fields, comment: str = "") -> dict[str, Any]:
    """Return what is known of the generation of an image; an empty mapping for a photo that says nothing about it.

    Args:
        text: The texts of the container.
        xmp: The XMP properties.
        comment: UserComment, where JPEG and WebP have what PNG has in texts.

    Returns:
        Those fields that are known: `generated` (True if anything says so), `prompt`, `negative_prompt`, `model`,
        `software`, `sampler`, `seed`, `steps`, `source_type` (IPTC DigitalSourceType without its address) and
        `data_mining` (PLUS DataMining without its address).
    """
    # A photo that says nothing is the usual case, and must cost nothing.
    found: dict[str, Any] = {}
    if text or comment:
        found = (
            _from_graph(_first(text, "prompt"))
            or _from_texts(text)
            or _from_parameters(_first(text, "parameters") or comment)
            or _from_json_text(_first(xmp, "exif:UserComment") or comment, "")
        )
    elif "exif:UserComment" in xmp:
        found = _from_json_text(_first(xmp, "exif:UserComment"), "") or _from_parameters(
            _first(xmp, "exif:UserComment")
        )
    for field, name in (("prompt", "AIPromptInformation"), ("software", "AISystemUsed")):
        if value := _first(xmp, f"Iptc4xmpExt:{name}"):
            found.setdefault(field, value)
    source_type = _first(xmp, "Iptc4xmpExt:DigitalSourceType").rpartition("/")[2]
    if found or source_type in GENERATED_TYPES:
        found["generated"] = True
    for field, value in (("source_type", source_type), ("data_mining", _first(xmp, "plus:DataMining"))):
        if value:
            found[field] = value.rpartition("/")[2]
    return {field: value[:MAX_CHARACTERS] if isinstance(value, str) else value for field, value in found.items()}


def _first(fields: Fields, name: str) -> str:
    value = fields.get(name, "")
    return value if isinstance(value, str) else value[0] if value else ""


def _parse(text: str) -> Any:
    """Return the JSON object in `text`; None if it is not one."""
    if not text.startswith("{") or len(text) > MAX_JSON_CHARACTERS:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _from_texts(text: Fields) -> dict[str, Any]:
    """Read the texts of InvokeAI, SwarmUI, Fooocus, NovelAI, Easy Diffusion and Midjourney."""
    for name, software in JSON_TEXTS.items():
        found = _from_json_text(_first(text, name), software)
        if found:
            if name == "Comment" and _first(text, "Software"):
                found["software"] = _first(text, "Software")
            if "fooocus_scheme" in text:
                found["software"] = "Fooocus"
            return found
    description = _first(text, "Description")
    if MIDJOURNEY_JOB.search(description):
        return {"prompt": MIDJOURNEY_JOB.sub("", description), "software": "Midjourney"}
    if "negative_prompt" in text or "Negative Prompt" in text:
        return _known_fields(text)
    return {}


def _from_json_text(text: str, software: str) -> dict[str, Any]:
    value = _parse(text)
    if value is None:
        return {}
    nested = value.get("sui_image_params")
    if isinstance(nested, dict):
        value, software = nested, "SwarmUI"
    image = value.get("image")
    found = _known_fields({**image, **value} if isinstance(image, dict) else value)
    if "prompt" not in found:
        return {}
    if software:
        found["software"] = software
    return found


def _known_fields(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that occur in a JSON object under one of their names."""
    found: dict[str, Any] = {}
    for field, names in JSON_NAMES.items():
        for name in names:
            item = value.get(name)
            if isinstance(item, list) and item:
                item = item[0]
            if isinstance(item, dict):
                item = item.get("name") or item.get("model_name") or item.get("prompt")
            if isinstance(item, str) and item.strip():
                found[field] = item.strip()
            elif isinstance(item, int) and not isinstance(item, bool) and field in ("seed", "steps"):
                found[field] = item if abs(item) <= LARGEST_INTEGER else str(item)
            if field in found:
                break
    return found


def _from_parameters(text: str) -> dict[str, Any]:
    """Read Stable Diffusion's parameters: the prompt, the negative prompt, and a line of settings."""
    if not 0 < len(text) <= MAX_JSON_CHARACTERS:
        return {}
    line = None
    for line in SETTINGS_LINE.finditer(text):  # noqa: B007  # the last one counts: a prompt may contain another
        pass
    if line is None:
        return {}
    prompt, _, negative = text[: line.start()].partition(NEGATIVE_PROMPT)
    settings = {match[1].strip(): match[2].strip().strip('"') for match in SETTING.finditer(line[1][:MAX_CHARACTERS])}
    version = settings.get("Version", "")
    found: dict[str, Any] = {
        "prompt": prompt.strip(),
        "negative_prompt": negative.strip(),
        "model": settings.get("Model", ""),
        "software": version if version[:1].isupper() else " ".join(["Stable Diffusion web UI", version]).strip(),
        "sampler": settings.get("Sampler", ""),
    }
    for field, name in (("seed", "Seed"), ("steps", "Steps")):
        number = settings.get(name, "")
        if number.isascii() and number.isdigit() and len(number) < 19:
            found[field] = int(number)
    return {field: value for field, value in found.items() if value != ""}


def _from_graph(text: str) -> dict[str, Any]:
    """Read ComfyUI's graph: nodes by number, whose inputs are values, or links to other nodes."""
    graph = _parse(text)
    if graph is None:
        return {}
    nodes = {
        number: node["inputs"]
        for number, node in list(graph.items())[:MAX_NODES]
        if isinstance(node, dict) and isinstance(node.get("inputs"), dict)
    }
    if not nodes:
        return {}
    sampler: dict[str, Any] = next(
        (inputs for inputs in nodes.values() if "positive" in inputs and _has_seed(inputs)), {}
    )
    sampler = sampler or next((inputs for inputs in nodes.values() if "positive" in inputs), {})
    found: dict[str, Any] = {"software": "ComfyUI"}
    texts = list(_texts(nodes))
    prompt = _linked_text(nodes, sampler.get("positive")) or (texts[0] if texts else "")
    negative = _linked_text(nodes, sampler.get("negative"))
    if prompt:
        found["prompt"] = prompt
    if negative and negative != prompt:
        found["negative_prompt"] = negative
    for inputs in nodes.values():
        for name in ("ckpt_name", "unet_name", "model_name"):
            if isinstance(inputs.get(name), str):
                found.setdefault("model", inputs[name])
    for field, value in _known_fields(sampler).items():
        if field in ("sampler", "seed", "steps"):
            found.setdefault(field, value)
    return found


def _has_seed(inputs: Mapping[str, Any]) -> bool:
    return "seed" in inputs or "noise_seed" in inputs


def _texts(nodes: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for inputs in nodes.values():
        for name in ("text", "text_g", "prompt", "string"):
            value = inputs.get(name)
            if isinstance(value, str) and value.strip():
                yield value.strip()


def _linked_text(nodes: Mapping[str, Mapping[str, Any]], link: Any) -> str:
    """Return the text of the node at the end of a chain of links; "" if there is none."""
    for _ in range(MAX_LINKS):
        if not isinstance(link, list) or not link or str(link[0]) not in nodes:
            return ""
        inputs = nodes[str(link[0])]
        following: Any = None
        for name in ("text", "text_g", "prompt", "string", "conditioning", "positive", "clip_l"):
            value = inputs.get(name)
            if isinstance(value, str) and value.strip():
                return value.strip()
            following = following or (value if isinstance(value, list) else None)
        link = following
    return ""
