#!/usr/bin/env bash
# Runs notebooks with the lowest versions that settings.ini admits, in the Python that it is given: tools/lowest.txt has them.
# PYTHON=python3.10 tools/lowest.sh [NOTEBOOK...]   a fresh virtual environment; without names, notebooks from all floors.
set -eu -o pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv" && . "$work/venv/bin/activate"
pip install -q . -c tools/lowest.txt nbdev==2.4.14 execnb==0.1.18 'ghapi<2' 'fastgit<0.1' hypothesis ipykernel
pip check
pip uninstall -q -y stackgan
[ $# -gt 0 ] || set -- 00_birds 01_data 01b_files 01c_datasets 03_conditioning 04_game 04b_training 07_generate 07a_models 10_recipes 15b_shell
for name in "$@"; do echo "$name"; PYTHONPATH=$PWD nbdev_test --path "nbs/$name.ipynb" --n_workers 1; done
PYTHONPATH=$PWD python -m stackgan.cli generate "a red bird" --out "$work/bird.png"
PYTHONPATH=$PWD python -m stackgan.cli evaluate --n 4 --out "$work/figures.json"
