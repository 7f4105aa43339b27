#!/usr/bin/env bash
# Runs notebooks as Colab does: Python with Colab's usual packages in Colab's versions (tools/colab.txt) and no nbdev, google.colab
# importable, each notebook alone in an empty folder, whole (without IN_TEST), and its first cell installs this checkout's last commit.
# Prints the minutes each took; exits 1 if one failed.
#
#   tools/colab.sh                           all chapters, about an hour on 2 CPU cores
#   tools/colab.sh quickstart 04_game        these
#   VENV=~/colab tools/colab.sh              keeps the environment there for the next time
#   PYTHON=python3.13 tools/colab.sh         with this Python (Colab's is 3.13)
set -u -o pipefail
cd "$(dirname "$0")/.."
root=$PWD
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT && trap 'exit 130' INT TERM
env=${VENV:-$work/venv}
unset PYTHONPATH IN_TEST STACKGAN_SEED STACKGAN_CUB
export PIP_DISABLE_PIP_VERSION_CHECK=1

if [ ! -x "$env/bin/jupyter-nbconvert" ]; then
  "${PYTHON:-python3}" -m venv "$env" && "$env/bin/pip" install -q -r tools/colab.txt || exit 1
fi
if "$env/bin/python" -c 'import nbdev' 2>/dev/null; then echo "$env has nbdev, which Colab has not: name another folder in VENV"; exit 2; fi

# `import google.colab` succeeds, and the kernel has it loaded from the start, as Colab's has
mkdir -p "$work/site/google/colab" && touch "$work/site/google/colab/__init__.py"
echo 'import sys, google.colab' > "$work/site/sitecustomize.py"
# the address that the first cells install from is this checkout
address=$(python3 -c 'import configparser as c; s = c.ConfigParser(delimiters=["="]); s.read("settings.ini"); print(s["DEFAULT"]["git_url"])')
export GIT_CONFIG_COUNT=2 GIT_CONFIG_KEY_0="url.file://$root.insteadOf" GIT_CONFIG_VALUE_0=$address
export GIT_CONFIG_KEY_1=safe.directory GIT_CONFIG_VALUE_1='*'

names=("$@")
[ $# -gt 0 ] || names=(quickstart $(cd nbs && ls [0-9][0-9]_*.ipynb 13b_wider.ipynb | sed 's/\.ipynb$//'))
# a notebook's own first cell brings the package; what it brought is taken out again before the next one
names_here() { "$env/bin/pip" list --format=freeze | cut -d= -f1 | sort; }
[ -f "$env/usual" ] || names_here > "$env/usual"
failed=()
for name in "${names[@]}"; do
  more=$(names_here | comm -23 - "$env/usual")
  [ -z "$more" ] || "$env/bin/pip" uninstall -q -y $more || exit 1
  folder=$work/$name/content
  mkdir -p "$folder" && git show "HEAD:nbs/$name.ipynb" > "$folder/$name.ipynb" || { failed+=("$name"); continue; }
  start=$SECONDS
  if (cd "$folder" && PATH="$env/bin:$PATH" PYTHONPATH="$work/site" "$env/bin/jupyter" nbconvert --to notebook --execute \
      --ExecutePreprocessor.timeout=900 --output ran.ipynb "$name.ipynb" >"$work/log" 2>&1); then
    printf '%-16s %5.1f minutes\n' "$name" "$(echo "($SECONDS - $start) / 60" | bc -l)"
  else
    failed+=("$name"); echo "FAILED: $name"; grep -v '^\s*$' "$work/log" | tail -n 15
  fi
  rm -rf "$work/$name"
done
[ ${#failed[@]} -eq 0 ] || { printf 'FAILED: %s\n' "${failed[*]}"; exit 1; }
