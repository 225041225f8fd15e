"""Build `ai`, the fields of a record that describe how an image was generated, from the metadata of image generators.

Sources: sample files of each program; IPTC Photo Metadata Standard 2025.1 (DigitalSourceType, AIPromptInformation,
AISystemUsed); PLUS (DataMining).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from exifinator.metadata.limits import MAX_INTEGER

Fields = Mapping[str, str | list[str]]

# Longer strings are not parsed as JSON. A ComfyUI graph of a hundred nodes has 50 KB.
MAX_JSON_CHARACTERS = 512 * 1024
MAX_NODES, MAX_LINKS = 2000, 8
MAX_VALUE_CHARACTERS = 10_000

# The last paragraph of Stable Diffusion's parameters: "Steps: 20, Sampler: Euler a, Seed: 42, Model: name".
SETTINGS_LINE = re.compile(r"(?:^|\n)(Steps: *\d+, *[^\n]*)")
SETTING = re.compile(r" *([A-Z][\w .-]{0,40}): *(\"(?:[^\"\\]|\\.)*+\"|[^,]*+)(?:,|$)")
_INTEGER = re.compile(r"-?[0-9]{1,20}")
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
# Name of a text value that contains JSON -> the program that writes it; "" if several programs do.
JSON_TEXTS = {
    "invokeai_metadata": "InvokeAI",
    "sd-metadata": "InvokeAI",
    "sui_image_params": "SwarmUI",
    "generation_data": "TensorArt",
    "Comment": "",
    "parameters": "",
}
# Values of DigitalSourceType, after the last slash, for images that were generated wholly or partly.
GENERATED_TYPES = frozenset(
    {"trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "algorithmicMedia", "compositeSynthetic"}
)


def describe_generation(text: Fields, xmp: Fields, comment: str = "") -> dict[str, Any]:
    """Return what the metadata says about the generation of an image; an empty dictionary if it says nothing.

    Args:
        text: The text values of the container.
        xmp: The XMP properties.
        comment: EXIF's UserComment. Generators write it to JPEG and WebP files, and text chunks to PNG files.

    Returns:
        The known fields among `generated` (True if any of the metadata says so), `prompt`, `negative_prompt`, `model`,
        `software`, `sampler`, `seed`, `steps`, `source_type` (IPTC DigitalSourceType without the start of its URI)
        and `data_mining` (PLUS DataMining without the start of its URI).
    """
    # Most photos have no such metadata, and this check must cost nothing for them.
    result: dict[str, Any] = {}
    if text or comment or "exif:UserComment" in xmp:
        result = _from_graph(_first(text, "prompt")) or _from_texts(text)
        for parameters in (_first(text, "parameters"), comment, _first(xmp, "exif:UserComment")):
            result = result or _from_parameters(parameters) or _from_json_text(parameters, "")
    for field, name in (("prompt", "AIPromptInformation"), ("software", "AISystemUsed")):
        if value := _first(xmp, f"Iptc4xmpExt:{name}"):
            result.setdefault(field, value)
    source_type = _first(xmp, "Iptc4xmpExt:DigitalSourceType").rpartition("/")[2]
    if result or source_type in GENERATED_TYPES:
        result["generated"] = True
    for field, value in (("source_type", source_type), ("data_mining", _first(xmp, "plus:DataMining"))):
        if value:
            result[field] = value.rpartition("/")[2]
    return {field: value[:MAX_VALUE_CHARACTERS] if isinstance(value, str) else value for field, value in result.items()}


def _first(fields: Fields, name: str) -> str:
    value = fields.get(name, "")
    return value if isinstance(value, str) else value[0] if value else ""


def _json_object(text: str) -> Any:
    """Return the JSON object in `text`; None if `text` is not a JSON object, or is too long."""
    if not text.startswith("{") or len(text) > MAX_JSON_CHARACTERS:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _from_texts(text: Fields) -> dict[str, Any]:
    """Read the text values of InvokeAI, SwarmUI, Fooocus, NovelAI, Easy Diffusion and Midjourney."""
    for name, software in JSON_TEXTS.items():
        result = _from_json_text(_first(text, name), software)
        if result:
            if name == "Comment" and _first(text, "Software"):
                result["software"] = _first(text, "Software")
            if "fooocus_scheme" in text:
                result["software"] = "Fooocus"
            return result
    description = _first(text, "Description")
    if MIDJOURNEY_JOB.search(description):
        return {"prompt": MIDJOURNEY_JOB.sub("", description), "software": "Midjourney"}
    if "negative_prompt" in text or "Negative Prompt" in text:
        return _known_fields(text)
    return {}


def _from_json_text(text: str, software: str) -> dict[str, Any]:
    """Return the fields in a JSON object; none if it has no prompt. `software` is the program; "" if unknown."""
    value = _json_object(text)
    if value is None:
        return {}
    nested = value.get("sui_image_params")
    if isinstance(nested, dict):
        value, software = nested, "SwarmUI"
    image = value.get("image")
    result = _known_fields({**image, **value} if isinstance(image, dict) else value)
    if "prompt" not in result:
        return {}
    if software:
        result["software"] = software
    return result


def _known_fields(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that a JSON object contains under one of their JSON_NAMES."""
    result: dict[str, Any] = {}
    for field, names in JSON_NAMES.items():
        for name in names:
            item = value.get(name)
            if isinstance(item, list) and item:
                item = item[0]
            if isinstance(item, dict):
                item = item.get("name") or item.get("model_name") or item.get("prompt")
            if isinstance(item, str) and field in ("seed", "steps") and _INTEGER.fullmatch(item.strip()):
                item = int(item)
            if isinstance(item, str) and item.strip():
                result[field] = item.strip()
            elif isinstance(item, int) and not isinstance(item, bool) and field in ("seed", "steps"):
                result[field] = item if abs(item) <= MAX_INTEGER else str(item)
            if field in result:
                break
    return result


def _from_parameters(text: str) -> dict[str, Any]:
    """Read Stable Diffusion's parameters: the prompt, the negative prompt, and a line of settings."""
    if not 0 < len(text) <= MAX_JSON_CHARACTERS:
        return {}
    line = None
    for line in SETTINGS_LINE.finditer(text):  # noqa: B007  # the last match counts: a prompt may contain another
        pass
    if line is None:
        return {}
    prompt, _, negative = text[: line.start()].partition(NEGATIVE_PROMPT)
    settings = {
        match[1].strip(): match[2].strip().strip('"') for match in SETTING.finditer(line[1][:MAX_VALUE_CHARACTERS])
    }
    version = settings.get("Version", "")
    result: dict[str, Any] = {
        "prompt": prompt.strip(),
        "negative_prompt": negative.strip(),
        "model": settings.get("Model", ""),
        "software": version if version[:1].isupper() else " ".join(["Stable Diffusion web UI", version]).strip(),
        "sampler": settings.get("Sampler", ""),
    }
    for field, name in (("seed", "Seed"), ("steps", "Steps")):
        number = settings.get(name, "")
        if number.isascii() and number.isdigit() and len(number) < 19:
            result[field] = int(number)
    return {field: value for field, value in result.items() if value != ""}


def _from_graph(text: str) -> dict[str, Any]:
    """Read a ComfyUI graph: nodes by number. The inputs of a node are values, or links to other nodes."""
    graph = _json_object(text)
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
    result: dict[str, Any] = {"software": "ComfyUI"}
    node_texts = list(_node_texts(nodes))
    prompt = _linked_text(nodes, sampler.get("positive")) or (node_texts[0] if node_texts else "")
    negative = _linked_text(nodes, sampler.get("negative"))
    if prompt:
        result["prompt"] = prompt
    if negative and negative != prompt:
        result["negative_prompt"] = negative
    for inputs in nodes.values():
        for name in ("ckpt_name", "unet_name", "model_name"):
            if isinstance(inputs.get(name), str):
                result.setdefault("model", inputs[name])
    for field, value in _known_fields(sampler).items():
        if field in ("sampler", "seed", "steps"):
            result.setdefault(field, value)
    return result


def _has_seed(inputs: Mapping[str, Any]) -> bool:
    return "seed" in inputs or "noise_seed" in inputs


def _node_texts(nodes: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the non-blank strings of all nodes."""
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
