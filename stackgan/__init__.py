"""StackGAN, the course that is a library; `import stackgan` loads nothing, a name loads the room that it lives in."""
__version__ = "0.1.0"

# Written by hand: nbdev_export changes the line above and nothing else.
# Rooms of the house (modules), and what each gives to the public; tools/check.py says where a name has moved to.
_rooms = {
    "drawing": "draw_bird",
    "birds": "write_birds Bird",
    "files": "ImageCache crop_to_bird",
    "downloads": "download_cub",
    "published": "PrecomputedEmbeddings",
    "data": "CUB200 CaptionedImages Batches read_data",
    "text": "TextEncoder CharCNNRNN",
    "matching": "SentenceEncoder",
    "conditioning": "ConditioningAugmentation",
    "players": "TrainConfig",
    "training": "Trainer",
    "stage1": "StageIGenerator StageIDiscriminator",
    "stage2": "StageIIGenerator StageIIDiscriminator",
    "models": "packaged_models",
    "generate": "StackGAN",
    "evaluate": "evaluate_birds",
    "plans": "Preset",
    "recipes": "presets train_stackgan",
    "photographs": "load_official",
}
_room_of = {name: room for room, names in _rooms.items() for name in names.split()}
__all__ = list(_room_of)


def __getattr__(name): # PEP 562: called for a name that is not here yet
    if name not in _room_of: raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module
    globals()[name] = found = getattr(import_module(f"{__name__}.{_room_of[name]}"), name)
    return found


def __dir__(): return sorted({*globals(), *__all__})
