#!/usr/bin/env bash
# Run every notebook as on other machines than this one: what holds here by luck fails there.
#
# usage: tools/anywhere.sh              all three, one after another
#        tools/anywhere.sh isa          a processor without AVX-512: other kernels, other rounding
#        tools/anywhere.sh threads      an old processor and four threads: sums in another order
#        tools/anywhere.sh seeds [N]    every seed of the lessons moved by N (1 if not given)
#
# Prints what nbdev_test prints, and at the end a line for each variant. Exits 0 only when every notebook passed in each.
# With COUNT=FILE the sum over the variants, "N passed, M failed", is written there.
set -u -o pipefail
usage() { sed -n '4,7s/^# //p' "$0" >&2; exit 2; }
variants=("$@") by=1
case "${1-}" in
  "") variants=(isa threads seeds) ;;
  isa|threads) [ $# -eq 1 ] || usage ;;
  seeds) variants=(seeds) by=${2:-1}; [ $# -le 2 ] && [[ $by =~ ^[0-9]+$ ]] || usage ;;
  *) usage ;;
esac
cd "$(dirname "$0")/.." || exit 1
count=$(mktemp) && trap 'rm -f "$count"' EXIT && trap 'exit 130' INT TERM

anywhere() { # a variant, then a command: the command under the variant's settings
  case $1 in
    isa) ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=AVX2 "${@:2}" ;;
    threads) ONEDNN_MAX_CPU_ISA=SSE41 OMP_NUM_THREADS=4 "${@:2}" ;;
    seeds) STACKGAN_SEED=$by "${@:2}" ;;
  esac
}

lines=() passed=0 failed=0
for variant in "${variants[@]}"; do
  start=$SECONDS
  anywhere "$variant" timeout -k 30 3000 nbdev_test --do_print </dev/null 2>&1 | python .ci/summary.py "$count"
  read -r ok _ bad _ < "$count"
  passed=$((passed + ok)) failed=$((failed + bad))
  [ "$variant" = seeds ] && variant="seeds $by"
  lines+=("$variant: $ok passed, $bad failed ($((SECONDS - start)) s)")
done
printf '%s\n' "${lines[@]}"
[ -z "${COUNT-}" ] || echo "$passed passed, $failed failed" > "$COUNT"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
