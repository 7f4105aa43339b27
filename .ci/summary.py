"""Pass nbdev_test's output on, then print seconds per notebook; write 'N passed, M failed' to the file that is named.

nbdev_test names the notebooks that failed. One whose result it never gave, because it broke off, has not passed.
Exits 0 only when every notebook of the course passed.
"""
import re, sys, time
from pathlib import Path

count = Path(sys.argv[1])
nbs = [p for p in sorted(Path("nbs").rglob("*.ipynb")) if not any(part.startswith(("_", ".")) for part in p.parts)]
count.write_text(f"0 passed, {len(nbs)} failed\n")
start, seconds, failed, success, in_list = {}, {}, [], False, False
for line in sys.stdin:
    sys.stdout.write(line); sys.stdout.flush()
    if m := re.match(r"(Starting|- Completed) (.*\.ipynb)$", line):
        fn = str(Path(m[2]).relative_to(Path.cwd().resolve()))
        if m[1] == "Starting": start[fn] = time.time()
        elif fn in start: seconds[fn] = time.time() - start[fn]
    elif line.rstrip() == "Success.": success = True
    elif line.startswith("nbdev Tests Failed On"): in_list = True
    elif in_list and line.startswith("\t"): failed.append(line.strip())
finished = len(seconds) == len(nbs)
if not (finished and (success or failed)):
    print(f"nbdev_test gave no result for all of {len(nbs)} notebooks: it ended early, or not all were started")
    passed = 0
else: passed = len(nbs) - len(failed)
for fn, t in sorted(seconds.items(), key=lambda o: -o[1]): print(f"{t:6.0f} s  {fn}{'  FAILED' * (Path(fn).name in failed)}")
count.write_text(f"{passed} passed, {len(nbs) - passed} failed\n")
sys.exit(not passed or passed < len(nbs))
