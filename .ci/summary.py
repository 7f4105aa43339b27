"""Pass nbdev_test's output on, then print seconds per notebook; write 'N passed, M failed' to the file that is named.

nbdev_test's workers print at the same time, so that one line may hold two of their messages: messages are looked for
anywhere in a line. nbdev_test names the notebooks that failed. A notebook whose end was not seen has not passed, and
if nbdev_test gave no result at all, because it broke off, none has.
Exits 0 only when every notebook of the course passed.
"""
import re, sys, time
from pathlib import Path

count = Path(sys.argv[1])
nbs = [p for p in sorted(Path("nbs").rglob("*.ipynb")) if not any(part.startswith(("_", ".")) for part in p.parts)]
count.write_text(f"0 passed, {len(nbs)} failed\n")
here, names = str(Path.cwd().resolve()), [str(p) for p in nbs]
message = re.compile(rf"(Starting|- Completed) {re.escape(here)}/({'|'.join(map(re.escape, names))})")
trouble = re.compile(rf"\w+ in {re.escape(here)}/({'|'.join(map(re.escape, names))}):")
start, seconds, failed, broken, success, in_list = {}, {}, [], set(), False, False
for line in sys.stdin:
    sys.stdout.write(line); sys.stdout.flush()
    for what, fn in message.findall(line):
        if what == "Starting": start[fn] = time.time()
        else: seconds[fn] = time.time() - start.get(fn, time.time())
    broken.update(trouble.findall(line))
    if line.rstrip().endswith("Success."): success = True
    elif "nbdev Tests Failed On" in line: in_list = True
    elif in_list and line.startswith("\t"): failed.append(line.strip())
unseen = [fn for fn in names if fn not in seconds and Path(fn).name not in failed]
passed = len(names) - len(unseen) - len(failed) # by number: nbdev_test's list gives names without their folders
if not (success or failed):
    print("nbdev_test gave no result: it ended early")
    passed = 0
if unseen: print(f"Not seen to end: {', '.join(unseen)}")
for fn, t in sorted(seconds.items(), key=lambda o: -o[1]): print(f"{t:6.0f} s  {fn}{'  FAILED' * (fn in broken if broken else Path(fn).name in failed)}")
count.write_text(f"{passed} passed, {len(names) - passed} failed\n")
sys.exit(passed < len(names))
