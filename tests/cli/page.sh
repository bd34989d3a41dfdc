#!/bin/sh
# The page of a map in a browser: it loads without an error, the divider moves, classes hide, names do no harm. Needs
# Chromium.
. "$(dirname "$0")/lib.sh"
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
    echo "no Chromium"
    exit 77
}
name='a<img src=x onerror=alert(1)>&"b'"'"'.tif'
cp "$SOURCE/examples/water/scene.tif" "$name"
cp "$SOURCE/examples/water/mask.tif" mask.tif
cat > config.py << 'PY'
_base_ = ['base.py']
dataset_type = 'BaseSegDataset'
test_dataloader = dict(dataset=dict(type=dataset_type, metainfo=dict(
    classes=('</script><script>document.title="harm"</script>', 'water <b>& "more"</b>'),
    palette=[[60, 160, 90], [30, 100, 200]])))
PY
cp "$SOURCE/tests/cli/tiny.py" base.py
run 0 "$CSEG" quicklook "$name" --mask mask.tif --config config.py --html map.html --title '<u>Andros</u> @DATA@'
cp "$name" second.tif
run 0 "$CSEG" quicklook "$name" --second second.tif --mask mask.tif --html dates.html
run 0 "$CSEG" quicklook "$name" --html alone.html
check "a page of bounded size" test "$(wc -c < map.html)" -lt 3000000

# look PAGE SCRIPT: the page with a script of the test, which says what it finds in data-test; in out.txt.
look() {
    cat > script.js
    # Without a screen no frames are asked for.
    { sed 's|<style>|<script>window.requestAnimationFrame = f => setTimeout(f, 0)</script><style>|; /<\/html>/d; s,</body>,,' "$1"
      echo "<script>"; cat script.js; echo "</script></body></html>"; } > looked.html
    run 0 timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$here/profile" \
        --window-size=1000,700 --virtual-time-budget=20000 --enable-logging=stderr --dump-dom "file://$here/looked.html"
    grep -o 'data-test="[^"]*"' out.txt > found.txt
    checks=$((checks + 1))
    if grep -q 'CONSOLE' err.txt; then
        complain "the console of $1: $(grep CONSOLE err.txt)"
    fi
}
found() {
    checks=$((checks + 1))
    grep -qF -- "$1" found.txt || complain "no '$1' in $(cat found.txt)"
}

look map.html << 'JS'
(async () => {
  const $ = id => document.getElementById(id), say = [], root = document.documentElement;
  const wait = ms => new Promise(good => setTimeout(good, ms));
  for (let i = 0; i < 100 && root.dataset.ready !== 'yes'; i++) await wait(50);
  say.push('ready ' + root.dataset.ready, 'title ' + document.title, 'h1 ' + $('title').textContent);
  say.push('images ' + document.querySelectorAll('img').length);
  const view = $('view'), copy = document.createElement('canvas');
  const g = copy.getContext('2d', {willReadFrequently: true});
  const pixels = (x, y, w, h) => {
    copy.width = view.width; copy.height = view.height;
    g.drawImage(view, 0, 0);
    return g.getImageData(x * view.width, y * view.height, w || 1, h || 1).data;
  };
  const colours = (from, to) => {
    const p = pixels(from, 0, (to - from) * view.width, view.height), all = new Set();
    for (let i = 0; i < p.length; i += 4) all.add(p[i] << 16 | p[i + 1] << 8 | p[i + 2]);
    return all.size;
  };
  say.push('scene ' + (colours(0, 0.5) > 1000), 'map ' + (colours(0.5, 1) > 100));
  const key = (k, at, shift) => at.dispatchEvent(new KeyboardEvent('keydown', {key: k, shiftKey: !!shift, bubbles: true}));
  const at = () => $('divider').getAttribute('aria-valuenow');
  key('ArrowRight', $('divider')); await wait(100);
  say.push('right ' + at());
  key('ArrowLeft', $('divider'), true); await wait(100);
  say.push('left ' + at());
  key('End', $('divider')); await wait(100);
  say.push('end ' + at());
  const r = $('stage').getBoundingClientRect();
  const point = (type, x, on) => on.dispatchEvent(new PointerEvent(type, {pointerId: 1, clientX: r.left + x * r.width,
    clientY: r.top + r.height / 2, bubbles: true}));
  $('divider').setPointerCapture = () => {};
  $('divider').hasPointerCapture = () => true;
  point('pointerdown', 1, $('divider')); point('pointermove', 0.25, $('divider')); await wait(100);
  say.push('dragged ' + at());
  point('pointermove', 0.5, view);
  say.push('place ' + $('place').textContent);
  const bar = $('bar').textContent;
  key('+', document.body); key('+', document.body); key('+', document.body); await wait(100);
  say.push('zoomed ' + (bar !== $('bar').textContent));
  key('0', document.body); await wait(100);
  say.push('fits ' + (bar === $('bar').textContent));
  const before = pixels(0.6, 0.5).join();
  document.querySelectorAll('.class').forEach(c => c.click()); await wait(100);
  say.push('hidden ' + (before !== pixels(0.6, 0.5).join()));
  say.push('classes ' + document.querySelectorAll('.class b')[0].textContent.length,
           document.querySelectorAll('.class b')[1].textContent);
  $('unit').selectedIndex = 0; $('unit').onchange();
  say.push('area ' + document.querySelector('.class small').textContent);
  root.dataset.test = say.join(' | ');
})().catch(e => { document.documentElement.dataset.test = 'failed: ' + e; });
JS
found "ready yes"
found "title &lt;u&gt;Andros&lt;/u&gt; @DATA@"
found "h1 &lt;u&gt;Andros&lt;/u&gt; @DATA@"
found "images 0"
found "scene true | map true"
found "right 51 | left 41 | end 100 | dragged 25"
found "(EPSG:32618)"
found "N, "
found "zoomed true | fits true | hidden true"
found "classes 47 | water &lt;b&gt;&amp; &quot;more&quot;&lt;/b&gt;"
found " ha"

look dates.html << 'JS'
setTimeout(() => {
  const $ = id => document.getElementById(id);
  document.documentElement.dataset.test = ['ready ' + document.documentElement.dataset.ready, $('tag-left').textContent,
    'both ' + !$('both-label').hidden, 'divider ' + !$('divider').hidden].join(' | ');
}, 3000);
JS
found "ready yes | a&lt;img src=x onerror=alert(1)&gt;&amp;&quot;b'.tif | both true | divider true"
look alone.html << 'JS'
setTimeout(() => {
  const $ = id => document.getElementById(id);
  document.documentElement.dataset.test = ['ready ' + document.documentElement.dataset.ready,
    'divider ' + !$('divider').hidden, 'legend ' + !$('legend').hidden].join(' | ');
}, 3000);
JS
found "ready yes | divider false | legend false"

run 0 timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$here/profile" \
    --window-size=390,844 --virtual-time-budget=5000 --screenshot="$here/shot.png" "file://$here/map.html"
check "a picture of the page that is not empty" test "$(wc -c < shot.png)" -gt 50000
finish
