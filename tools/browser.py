#!/usr/bin/env python3
"""Use the playground as a visitor does, in headless Chromium: type, press, look. Exits 1 with a sentence if anything is not as it should be.

python tools/browser.py page [--site SITE]    the page without a server (written first, if SITE is not given)
python tools/browser.py voila                 the Voila page
python tools/browser.py visitors [--n 20] [--seconds 60]    so many at once on the Voila page, who press and wait: latency, memory
python tools/browser.py lab                   the widgets in JupyterLab
--json FILE writes the figures, --shots FOLDER the screenshots, --pictures those of the README and chapter 14. All servers listen on this machine only.
Needs chromium, chromium-driver and selenium.
"""
import argparse, asyncio, base64, contextlib, functools, io, json, os, random, re, shutil, socket, subprocess, sys, tempfile, threading, time, uuid
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

ROOT = Path(__file__).resolve().parent.parent
WAIT = 120 # seconds for what takes long on a busy machine: a first load
CROWD = 600 # the same where many wait for two processors


def check(true, what):
    if not true: raise SystemExit(f"FAILED: {what}")


@contextlib.contextmanager
def chromium(width=1000, height=1100):
    "A fresh browser, with nothing in its cache."
    options, profile = webdriver.ChromeOptions(), tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", f"--window-size={width},{height}",
                 f"--user-data-dir={profile.name}", "--disable-background-networking", "--no-first-run",
                 "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"): # no other server can be reached
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    driver.set_script_timeout(WAIT), driver.set_page_load_timeout(WAIT)
    try: yield driver
    finally: driver.quit(); profile.cleanup()


def foreign(driver):
    "The addresses beyond this machine that the page has asked for."
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    asked = [e["params"].get("request", e["params"]).get("url", "") for e in events
             if e["method"] in ("Network.requestWillBeSent", "Network.webSocketCreated")]
    check(asked, "the browser's log of requests is empty")
    return [url[:200] for url in asked if not re.match(r"(https?|wss?)://127\.0\.0\.1[:/]|(data|blob|about|chrome):", url)]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args): pass


@contextlib.contextmanager
def served(folder):
    "A static server on loopback; yields its address."
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try: yield f"http://127.0.0.1:{server.server_port}"
    finally: server.shutdown(); server.server_close()


def free_port():
    with socket.socket() as s: s.bind(("127.0.0.1", 0)); return s.getsockname()[1]


@contextlib.contextmanager
def started(command, port, cwd=None):
    "A server as a process of its own, ended with all that it started."
    log = tempfile.TemporaryFile("w+")
    env = {k: v for k, v in os.environ.items() if k != "IN_TEST"} | {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    server = subprocess.Popen(command, stdout=log, stderr=log, cwd=cwd, env=env, start_new_session=True)
    try:
        for _ in range(WAIT):
            with contextlib.suppress(OSError): socket.create_connection(("127.0.0.1", port), 5).close(); break
            check(server.poll() is None, f"{command[2]} ended: {log.seek(0) or log.read()[-1500:]}")
            time.sleep(1)
        else: check(False, f"{command[2]} does not answer at port {port}")
        failed = ""
        try: yield server
        except SystemExit as e: failed = f"{e}\n"
        log.seek(0)
        said = log.read()
        at = said.find("Traceback")
        check(at < 0, f"{failed}{command[2]} had a traceback:\n{said[max(0, at - 600):at + 3000]}")
        if failed: raise SystemExit(failed.strip())
    finally:
        with contextlib.suppress(ProcessLookupError): os.killpg(server.pid, 15)
        try: server.wait(20)
        except subprocess.TimeoutExpired: os.killpg(server.pid, 9)


def shot(driver, args, name, picture=None):
    "A screenshot for --shots; with --pictures also the repository's own, without the empty part below."
    if args.shots: args.shots.mkdir(parents=True, exist_ok=True); driver.save_screenshot(str(args.shots / f"{name}.png"))
    if not (args.pictures and picture): return
    image = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    rows = np.where((np.array(image) != np.array(image)[-1, 0]).any(2).any(1))[0]
    image.crop((0, 0, image.width - 16, min(image.height, int(rows.max()) + 24))).save(ROOT / "images" / picture, quality=82)


# the page without a server

def state(driver): return driver.find_element(By.TAG_NAME, "body").get_attribute("data-state")
def settled(driver): WebDriverWait(driver, WAIT, .05).until(lambda d: state(d) not in ("start", "busy")); return state(driver)
def text(driver, id): return driver.find_element(By.ID, id).text


def canvas(driver, id):
    "A canvas' pixels, as the page's script sees them."
    read = """const c = document.getElementById(arguments[0]), d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
              let s = ''; for (let i = 0; i < d.length; i += 4096) s += String.fromCharCode(...d.subarray(i, i + 4096)); return [btoa(s), c.width]"""
    data, side = driver.execute_script(read, id)
    return np.frombuffer(base64.b64decode(data), np.uint8).reshape(side, side, 4)[..., :3].astype(int)


def ask(driver, sentence, seed=None, by_key=False):
    "Type a sentence, press the button, wait; seconds until the picture, or the refusal, is there."
    box = driver.find_element(By.ID, "sentence")
    if sentence.isascii() and len(sentence) < 300: box.clear(); box.send_keys(sentence)
    else: driver.execute_script("arguments[0].value = arguments[1]", box, sentence) # as if pasted
    if seed is not None:
        field = driver.find_element(By.ID, "seed"); field.clear(); field.send_keys(str(seed))
    start = time.perf_counter()
    if by_key: box.send_keys(Keys.ENTER)
    else: driver.find_element(By.ID, "draw").click()
    settled(driver)
    return time.perf_counter() - start


def same_as_python(driver, names):
    "Pictures, sketches and remarks of the page against Python's; the smallest share of pixels within one level of 255."
    from stackgan import StackGAN
    from stackgan.playground import play
    from stackgan.sentences import known_words
    asked, shares, seconds = {
        "birds": [("a small red bird with black wings", 0), ("A LARGE yellow bird, facing left.", 5), ("this bird is blue", 2147483647),
                  ("a green bird with a cafe-coloured crown on the moon", 12345), ("a tiny white bird in the snow, " * 12, 3), ("this bird is blue " * 11, 4)],
        "photos": [("a bright blue bird with black wings", 1), ("a small yellow bird \U0001f426 with a black crown", 7)]}, [], []
    for name in names:
        model, words = StackGAN.from_pretrained(name), known_words(name)
        driver.execute_script("const m = document.getElementById('model'); m.value = arguments[0]; m.dispatchEvent(new Event('change'))", name)
        settled(driver)
        for sentence, seed in asked.get(name, asked["birds"]):
            seconds.append(ask(driver, sentence, seed))
            check(state(driver) == "done", f"{sentence[:40]!r} is answered with {state(driver)}: {text(driver, 'state')}")
            drawn = play(model, sentence, seed=seed, words=words)
            for id, right in (("sketch", drawn.sketches[0]), ("picture", drawn.pictures[0])):
                far = abs(canvas(driver, id) - np.array(right, int)).max(2)
                shares.append(float((far <= 1).mean()))
                check(shares[-1] >= .999, f"{name}, {sentence[:40]!r}, seed {seed}: {shares[-1]:.4%} of the {id}'s pixels are Python's")
            said = [e.text for e in driver.find_elements(By.CSS_SELECTOR, "#notes li")]
            wanted = [re.sub(r"\s+", " ", n).strip() for n in drawn.notes]
            check(said == wanted, f"the page says {said}, Python says {wanted}")
            check(drawn.told[0][:240].strip() in text(driver, "state"), f"the page says {text(driver, 'state')!r}, Python drew {drawn.told[0]!r}")
    return min(shares), seconds


def dial(driver, id, value):
    "Move a slider, as a hand does."
    driver.execute_script("""const e = document.getElementById(arguments[0]); e.value = arguments[1];
        e.dispatchEvent(new Event('input')); e.dispatchEvent(new Event('change'))""", id, value)


def near(driver, id, right, what, least=.999):
    "The share of a canvas' pixels within one level of Python's."
    share = float((abs(canvas(driver, id) - np.array(right, int)).max(2) <= 1).mean())
    check(share >= least, f"{what}: {share:.4%} of the pixels are Python's")
    return share


def best_and_walk(driver):
    "The best of eight is Python's best of eight, and a walk's frames are Python's, as pictures, as a GIF; figures."
    from stackgan import StackGAN
    from stackgan.playground import play, walk
    model, figures = StackGAN.from_pretrained("birds"), {}
    driver.execute_script("const m = document.getElementById('model'); m.value = 'birds'; m.dispatchEvent(new Event('change'))")
    settled(driver)
    ask(driver, "a small red bird with black wings", 11)
    dial(driver, "best", 8), settled(driver)
    chosen = 0 # how often it is not the first
    for sentence, seed in (("a small red bird with black wings", 11), ("a large yellow bird flying", 4), ("this bird is blue with a white breast", 40)):
        figures["best of 8, s"] = round(ask(driver, sentence, seed), 2)
        drawn = play(model, sentence, seed=seed, best_of=8)
        near(driver, "sketch", drawn.sketches[0], f"best of 8, seed {seed}, sketch"), near(driver, "picture", drawn.pictures[0], f"best of 8, seed {seed}")
        chosen += drawn.pictures[0].tobytes() != play(model, sentence, seed=seed).pictures[0].tobytes()
    check(chosen, "the best of 8 is the first of 8 each time, which tests nothing")
    check("best_of=8" in text(driver, "python"), "the page does not say how Python draws the best of 8")
    dial(driver, "best", 1), settled(driver)
    first, last = "a red bird with black wings facing left", "a blue bird with white wings facing left"
    ask(driver, first, 1)
    box = driver.find_element(By.ID, "other"); box.clear(); box.send_keys(last)
    dial(driver, "steps", 6) # an even number: about halfway one bird turns into the other at once, and the embeddings' rounding moves a hundredth of the pixels by up to 7 levels of 255
    start = time.perf_counter()
    driver.find_element(By.ID, "walk").click(), settled(driver)
    figures["a frame of a walk, s"] = round((time.perf_counter() - start) / 6, 2)
    check(state(driver) == "done", f"the walk: {text(driver, 'state')}")
    frames = walk(model, first, last, 6, 1)
    for i, frame in enumerate(frames): dial(driver, "frame", i), near(driver, "still", frame, f"frame {i} of the walk", .98)
    read = """const reply = await fetch(document.getElementById('keepwalk').href), bytes = new Uint8Array(await reply.arrayBuffer());
              let s = ''; for (let i = 0; i < bytes.length; i += 4096) s += String.fromCharCode(...bytes.subarray(i, i + 4096)); return btoa(s)"""
    gif = Image.open(io.BytesIO(base64.b64decode(driver.execute_script(f"return (async () => {{ {read} }})()"))))
    check((gif.n_frames, gif.size, gif.info.get("loop")) == (10, frames[0].size, 0), f"the GIF has {gif.n_frames} frames of {gif.size}")
    for i, frame in enumerate([*frames, *frames[-2:0:-1]]):
        gif.seek(i)
        far = abs(np.array(gif.convert("RGB"), int) - np.array(frame, int)).mean()
        check(far < 8, f"frame {i} of the GIF is {far:.1f} levels from Python's")
    box.clear(), driver.find_element(By.ID, "walk").click(), settled(driver)
    check(state(driver) == "refused", f"a walk to nowhere is answered with {text(driver, 'state')!r}")
    return figures


def page(args):
    "The static page: as fast, as equal and as polite as it claims."
    figures = {}
    with contextlib.ExitStack() as stack:
        site = args.site
        if not site:
            from stackgan.webpage import page_report, write_page
            site = write_page(Path(stack.enter_context(tempfile.TemporaryDirectory())) / "site")
            print(page_report(site).splitlines()[0].split(": ", 1)[1])
        config = json.loads((Path(site) / "config.json").read_text(encoding="utf8"))
        if config["runtime"]["address"] != "runtime/":
            print("left out: the page links its runtime, and a test fetches nothing; it needs npm when the site is written"); return {}
        address, driver = stack.enter_context(served(site)), stack.enter_context(chromium(height=1450))
        for name in ("cold", "cached"):
            start = time.perf_counter()
            driver.get(f"{address}/index.html")
            check(settled(driver) == "done", f"the page's first picture: {text(driver, 'state')}")
            figures[f"first picture, {name}, s"] = round(time.perf_counter() - start, 2)
        shot(driver, args, "page", "playground.jpg")
        figures["smallest share of pixels within 1/255"], seconds = same_as_python(driver, [m["name"] for m in config["models"]])
        figures["press to picture, median, s"], figures["press to picture, worst, s"] = round(float(np.median(seconds)), 2), round(max(seconds), 2)
        check(max(seconds) < 10, f"a picture takes {max(seconds):.1f} s")
        figures |= best_and_walk(driver)
        shot(driver, args, "page_walk")
        before = canvas(driver, "picture")
        driver.find_element(By.ID, "dice").click(); settled(driver)
        check((canvas(driver, "picture") != before).any(), "the dice give the same picture")
        for what in ("", "   ", "\U0001f426\U0001f426", "красная птица", "赤い鳥", "طائر أحمر"):
            ask(driver, what)
            check(state(driver) == "refused" and text(driver, "state").endswith("."), f"{what!r} is answered with {text(driver, 'state')!r}")
        shot(driver, args, "page_refused")
        seconds = ask(driver, "a small red bird " * 588 + "flew")
        check(state(driver) == "done" and "Only the first 201 of 10000" in text(driver, "notes"), f"10,000 characters: {text(driver, 'notes')!r}")
        shot(driver, args, "page_long")
        ask(driver, "a <b>blue</b> bird", 1, by_key=True)
        check(not driver.find_elements(By.CSS_SELECTOR, "#state b, #notes b"), "the page takes what is typed for HTML")
        keep = driver.find_element(By.ID, "keep").get_attribute("href")
        kept = Image.open(io.BytesIO(base64.b64decode(keep.split(",", 1)[1])))
        check((np.array(kept.convert("RGB"), int) == canvas(driver, "picture")).all(), "the kept PNG is another picture")
        loud = [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
        check(not loud, f"the browser's console: {loud}")
        check(not (there := foreign(driver)), f"the page asks other servers: {there}")
        tampered(driver, site, stack)
    figures["megabytes of the site"] = round(sum(p.stat().st_size for p in Path(site).rglob("*") if p.is_file()) / 1e6, 1)
    return figures


def tampered(driver, site, stack):
    "A runtime that is not the pinned one is refused by the browser, and the visitor told."
    bad = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "site"
    shutil.copytree(site, bad)
    for file in (bad / "runtime").glob("*.mjs"): file.write_bytes(file.read_bytes() + b"\n// changed")
    driver.get(f"{stack.enter_context(served(bad))}/index.html")
    check(settled(driver) == "failed", f"a changed runtime is answered with {text(driver, 'state')!r}")


# the widgets: Voila and JupyterLab

def button(driver, name): return driver.find_element(By.XPATH, f"//button[contains(@class, 'jupyter-button')][contains(., '{name}')]")
def shown(driver, css, of): return driver.execute_script(f"return [...document.querySelectorAll(arguments[0])].map(e => e.{of})", css)
def pictures(driver): return shown(driver, ".widget-html img[alt=picture]", "src")
def said(driver): return " ".join(shown(driver, ".widget-html p", "textContent"))


def type_into(driver, sentence):
    "Into the first text area, as a visitor would, or as if pasted."
    box = driver.find_element(By.CSS_SELECTOR, ".widget-textarea textarea")
    if sentence.isascii() and len(sentence) < 300: box.send_keys(Keys.CONTROL, "a"); box.send_keys(sentence or Keys.DELETE)
    else: driver.execute_script("""const set = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set;
            set.call(arguments[0], arguments[1]); arguments[0].dispatchEvent(new Event('input', {bubbles: true}));""", box, sentence)
    time.sleep(.5) # the widget tells Python what was typed


def press(driver, sentence, name="Draw"):
    "Type, press, wait for other pictures; seconds."
    type_into(driver, sentence)
    before, start = pictures(driver), time.perf_counter()
    driver.execute_script("arguments[0].click()", button(driver, name))
    WebDriverWait(driver, WAIT, .05).until(lambda d: (now := pictures(d)) and now != before)
    return time.perf_counter() - start


def told(driver, sentence, wanted):
    "A sentence that cannot be drawn, or not all of it: what the page says."
    type_into(driver, sentence)
    driver.execute_script("arguments[0].click()", button(driver, "Draw"))
    try: WebDriverWait(driver, WAIT, .1).until(lambda d: wanted in said(d))
    except Exception: check(False, f"{sentence[:30]!r} is answered with {said(driver)[:300]!r}, not {wanted!r}")


def harmless(text, what):
    "No traceback and no path of this machine."
    for never in ("Traceback", str(ROOT), "site-packages", os.path.expanduser("~") + "/", tempfile.gettempdir() + "/"):
        check(never not in text, f"{what} shows {never!r}")


def use_widgets(driver, args, name, picture=None):
    "What a visitor does with the widgets; figures."
    from stackgan import StackGAN
    WebDriverWait(driver, WAIT, .1).until(pictures)
    seconds = [press(driver, s) for s in ("a large blue bird with a white breast", "a green bird flying over the water",
                                          "a yellow bird with black wings facing left")]
    drawn = Image.open(io.BytesIO(base64.b64decode(pictures(driver)[0].split(",", 1)[1]))).convert("RGB")
    right = StackGAN.from_pretrained("birds")("a yellow bird with black wings facing left", seed=0)[0]
    check((abs(np.array(drawn, int) - np.array(right, int)).max(2) <= 1).mean() >= .999, "the picture is not Python's")
    check(np.median(seconds) < 5, f"a picture takes {np.median(seconds):.1f} s")
    press(driver, "a red bird facing left", "throw the dice")
    WebDriverWait(driver, WAIT, .1).until(lambda d: button(d, "Walk there").is_enabled()) # it is not while the last picture is on its way
    driver.execute_script("arguments[0].click()", button(driver, "Walk there"))
    WebDriverWait(driver, WAIT, .1).until(lambda d: d.find_elements(By.PARTIAL_LINK_TEXT, "keep the walk"))
    shot(driver, args, name, picture)
    told(driver, "", "say what to draw")
    told(driver, "\U0001f426\U0001f426", "English letters and digits")
    told(driver, "красная птица", "English letters and digits")
    told(driver, "a small red bird " * 588 + "flew", "Only the first 201 of 10000")
    told(driver, "a <b>cat</b>", "guesses by their letters")
    harmless(driver.find_element(By.TAG_NAME, "body").text, "the page")
    check(not (there := foreign(driver)), f"the page asks other servers: {there}")
    return {"press to picture, median, s": round(float(np.median(seconds)), 2), "press to picture, worst, s": round(max(seconds), 2)}


def voila_server(port, places=20):
    command = f"from stackgan.webpage import serve_playground; serve_playground(['birds', 'photos'], {port}, browser=False, places={places})"
    return started([sys.executable, "-c", command], port)


def voila(args):
    "The Voila page."
    port = free_port()
    with voila_server(port), chromium(height=1500) as driver:
        start = time.perf_counter()
        driver.get(f"http://127.0.0.1:{port}/")
        WebDriverWait(driver, WAIT, .1).until(pictures)
        figures = {"first picture, s": round(time.perf_counter() - start, 2)}
        check(not driver.find_elements(By.CSS_SELECTOR, ".jp-InputArea-editor"), "the page shows code")
        return figures | use_widgets(driver, args, "voila", "playground_widgets.jpg")


# many visitors of the Voila page

SAY = ["a small red bird with black wings", "a large yellow bird with a long hooked bill", "a tiny green bird flying over the water",
       "this bird is blue with a white breast", "a brown bird perched on a branch facing left"]


class Visitor:
    "A visitor without a browser: loads the page, then speaks the widgets' protocol with its kernel, as the page's script does."
    def __init__(self, address, number):
        self.address, self.number, self.session, self.dice = address, number, uuid.uuid4().hex, random.Random(number)
        self.seconds, self.presses, self.widgets = [], 0, {}

    async def enter(self):
        "Load the page, a second after the one before, and find its widgets."
        from tornado.httpclient import AsyncHTTPClient, HTTPRequest
        from tornado.websocket import websocket_connect
        await asyncio.sleep(self.number)
        start = time.perf_counter()
        page = await AsyncHTTPClient().fetch(self.address, connect_timeout=CROWD, request_timeout=CROWD)
        html = page.body.decode()
        harmless(html, "the page's source")
        seen = re.sub(r"<(style|script).*?</\1>|<[^>]+>", " ", html, flags=re.S).split()
        check("jupyter.widget-view" in html, f"the page has no widgets: {' '.join(seen)[-1500:]!r}")
        self.entered, self.kernel = time.perf_counter() - start, re.search(r'"kernelId": "([^"]+)"', html)[1]
        self.cookie = "; ".join(c.split(";")[0] for c in page.headers.get_list("Set-Cookie"))
        where = f"{self.address}api/kernels/{self.kernel}/channels?session_id={self.session}"
        self.socket = await websocket_connect(HTTPRequest(where.replace("http", "ws", 1), headers={"Cookie": self.cookie}, connect_timeout=CROWD, request_timeout=CROWD),
                                              subprotocols=["v1.kernel.websocket.jupyter.org"], max_message_size=2 ** 26)
        control = uuid.uuid4().hex
        self.send("comm_open", dict(comm_id=control, target_name="jupyter.widget.control", data={}), metadata={"version": "1.0.0"})
        self.send("comm_msg", dict(comm_id=control, data={"method": "request_states"}))
        states = (await self.hear(lambda said: said["data"].get("method") == "update_states"))["data"]["states"]
        for id, widget in states.items():
            state = widget["state"]
            self.widgets[state["_model_name"][:-5], state.get("description") or ("pictures" if "<img" in str(state.get("value")) else "")] = id

    def send(self, kind, content, metadata=None):
        header = dict(msg_id=uuid.uuid4().hex, msg_type=kind, session=self.session, username="", date="", version="5.3")
        parts = [b"shell", *(json.dumps(part).encode() for part in (header, {}, metadata or {}, content))]
        ends = np.cumsum([8 * (len(parts) + 2), *map(len, parts)]) # the protocol's frame: how many places, the places, the parts
        self.socket.write_message(np.array([len(ends), *ends], "<u8").tobytes() + b"".join(parts), binary=True)

    async def hear(self, wanted):
        "The next message that is wanted."
        while True:
            raw = await asyncio.wait_for(self.socket.read_message(), CROWD)
            check(raw is not None, f"visitor {self.number}'s connection was closed")
            ends = np.frombuffer(raw, "<u8", int.from_bytes(raw[:8], "little"), 8)
            _, header, _, _, content, *_ = [raw[a:b].decode("utf8", "replace") for a, b in zip(ends, ends[1:])]
            harmless(content, "a message to the page")
            if json.loads(header)["msg_type"] == "comm_msg" and wanted(said := json.loads(content)): return said

    def set(self, widget, value): self.send("comm_msg", dict(comm_id=self.widgets[widget], data=dict(method="update", state=dict(value=value), buffer_paths=[])))

    async def press(self):
        "Type and press; now and then several pictures of many sketches, or the longest walk."
        kind = ["one", "many", "one", "walk"][self.presses % 4] if self.presses or self.number % 2 else "one"
        self.presses += 1
        self.set(("Textarea", "sentence"), self.dice.choice(SAY))
        self.set(("BoundedIntText", "seed"), self.dice.randrange(2 ** 31))
        for name in ("pictures", "best of"): self.set(("IntSlider", name), 4 if kind == "many" else 1)
        if kind == "walk": self.set(("IntSlider", "frames"), 24)
        click, id = "Walk there" if kind == "walk" else "Draw", self.widgets["HTML", "pictures"]
        start = time.perf_counter()
        self.send("comm_msg", dict(comm_id=self.widgets["Button", click], data=dict(method="custom", content=dict(event="click"))))
        def drawn(said):
            value = str(said["data"].get("state", {}).get("value", ""))
            return "keep the walk" in value if kind == "walk" else said["comm_id"] == id and "<img" in value
        await self.hear(drawn)
        self.seconds.append((kind, time.perf_counter() - start))


def family(pid):
    "A process and all that descend from it."
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError): parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = [pid]
    for one in found: found += [p for p, parent in parents.items() if parent == one]
    return found


def megabytes(pids):
    "What processes hold together, shared pages counted once."
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError): total += int(re.search(r"Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text())[1]) / 1000
    return total


def visitors(args):
    "Many visitors at once: everybody gets pictures, memory stays bounded, and one more is told so."
    port = free_port()
    with voila_server(port, args.n) as server:
        address, held, over = f"http://127.0.0.1:{port}/", [megabytes(family(server.pid))], threading.Event()
        def weigh():
            while not over.wait(.5): held.append(megabytes(family(server.pid)))
        scale = threading.Thread(target=weigh, daemon=True)
        scale.start()
        figures = asyncio.run(crowd(args, address))
        over.set(), scale.join()
        for _ in range(60): # those who left leave no process behind: what is here is Python that serves, Voila, the nursery
            if len(family(server.pid)) <= 3: break
            time.sleep(.5)
        check(len(family(server.pid)) <= 3, f"{len(family(server.pid)) - 3} processes are left of visitors who have gone")
        bound = 1000 + 100 * args.n + 700 * os.cpu_count() # a warm process, a kernel each, a walk a turn
        figures |= {"MB before": round(held[0]), "MB at most": round(max(held)), "MB promised": bound, "MB afterwards": round(megabytes(family(server.pid)))}
        check(max(held) < bound, f"{args.n} visitors take {max(held):.0f} MB, more than {bound}")
    return figures


async def crowd(args, address):
    "All of them, one in a real browser; figures."
    from tornado.httpclient import AsyncHTTPClient
    AsyncHTTPClient.configure(None, max_clients=args.n + 4, max_body_size=2 ** 26)
    people = [Visitor(address, k) for k in range(args.n - 1)]
    with chromium(height=1500) as driver:
        def browse(): driver.get(address); WebDriverWait(driver, WAIT, .1).until(pictures)
        await asyncio.to_thread(browse)
        await asyncio.gather(*(one.enter() for one in people))
        more = await AsyncHTTPClient().fetch(address, raise_error=False)
        check(more.code == 503 and f"All {args.n} places are taken" in more.body.decode(), f"one visitor more is answered with {more.code}")
        harmless(more.body.decode(), "the page for one visitor more")
        end, tab = time.time() + args.seconds, []
        def look():
            while time.time() < end:
                tab.append(press(driver, SAY[len(tab) % len(SAY)], "throw the dice")), time.sleep(2)
        async def stay(one):
            while time.time() < end: await one.press(); await asyncio.sleep(one.dice.uniform(1, 3))
        await asyncio.gather(asyncio.to_thread(look), *(stay(one) for one in people))
        harmless(driver.find_element(By.TAG_NAME, "body").text, "the page")
        check(not (there := foreign(driver)), f"the page asks other servers: {there}")
        shot(driver, args, "visitors")
        driver.get("about:blank")
    for one in people: one.socket.close()
    await asyncio.sleep(1)
    figures = {"page with its first picture, median, s": round(float(np.median([one.entered for one in people])), 2)}
    for kind in ("one", "many", "walk"):
        if took := [s for one in people for k, s in one.seconds if k == kind]:
            figures[f"presses for {kind}, median s, worst s"] = len(took), round(float(np.median(took)), 2), round(max(took), 2)
    check(all(one.seconds for one in people) and tab, "somebody got no picture")
    return figures | {"presses in the browser, median s": (len(tab), round(float(np.median(tab)), 2))}


def lab(args):
    "The widgets in JupyterLab."
    from stackgan.webpage import voila_notebook
    port = free_port()
    with tempfile.TemporaryDirectory() as tmp:
        (Path(tmp) / "playground.ipynb").write_text(json.dumps(voila_notebook(["birds", "photos"])))
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--ServerApp.ip=127.0.0.1",
                   "--IdentityProvider.token=", f"--ServerApp.root_dir={tmp}", "--LabApp.news_url=None"]
        with started(command, port, cwd=tmp), chromium(height=1500) as driver:
            driver.get(f"http://127.0.0.1:{port}/doc/tree/playground.ipynb?reset")
            code = ".jp-CodeCell .cm-content"
            WebDriverWait(driver, WAIT, .2).until(lambda d: d.find_elements(By.CSS_SELECTOR, code))
            time.sleep(8) # the notebook is laid out anew, and its kernel starts
            shot(driver, args, "lab_start")
            driver.find_element(By.CSS_SELECTOR, code).click()
            driver.find_element(By.CSS_SELECTOR, code).send_keys(Keys.CONTROL, Keys.ENTER)
            return use_widgets(driver, args, "lab")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["page", "voila", "visitors", "lab"])
    parser.add_argument("--n", type=int, default=20, help="visitors")
    parser.add_argument("--seconds", type=float, default=60, help="that they stay")
    parser.add_argument("--site", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--shots", type=Path)
    parser.add_argument("--pictures", action="store_true", help="write images/playground.jpg and images/playground_widgets.jpg, too")
    args = parser.parse_args()
    figures = globals()[args.what](args)
    for name, value in figures.items(): print(f"{name}: {value}")
    if args.json: args.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__": main()
