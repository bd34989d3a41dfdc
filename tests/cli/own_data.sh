#!/bin/sh
# docs/own-data.md: every config on it trains, on data laid out as the page says.
. "$(dirname "$0")/lib.sh"
page=$SOURCE/docs/own-data.md

# The page's data: gray PNG, RGB JPEG and five-band GeoTIFF, by KIND FILE VALUE-OF-THE-LEFT VALUE-OF-THE-RIGHT.
cat > draw.c <<'END'
#include <stdio.h>
#include <jpeglib.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>
enum { SIDE = 64, BANDS = 5 };
static void jpeg(FILE *f, int left, int right)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr e;
    unsigned char row[3 * SIDE], *rows[] = {row};
    c.err = jpeg_std_error(&e);
    jpeg_create_compress(&c);
    jpeg_stdio_dest(&c, f);
    c.image_width = c.image_height = SIDE;
    c.input_components = 3;
    c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&c);
    jpeg_start_compress(&c, TRUE);
    for (int i = 0; i < 3 * SIDE; i++)
        row[i] = (unsigned char)(i < 3 * SIDE / 2 ? left : right);
    while (c.next_scanline < SIDE)
        jpeg_write_scanlines(&c, rows, 1);
    jpeg_finish_compress(&c);
}
static void put(FILE *f, unsigned v, int n)
{
    for (int i = 0; i < n; i++)
        fputc((int)(v >> 8 * i & 255), f);
}
static void tag(FILE *f, unsigned id, unsigned type, unsigned n, unsigned v)
{
    put(f, id, 2), put(f, type, 2), put(f, n, 4), put(f, v, 4);
}
/* Little-endian, uncompressed, uint16, one strip. */
static void tiff(FILE *f, int left, int right)
{
    unsigned bits = 8 + 2 + 10 * 12 + 4, data = bits + 2 * BANDS;
    fputs("II*", f), put(f, 0, 1), put(f, 8, 4), put(f, 10, 2);
    tag(f, 256, 4, 1, SIDE), tag(f, 257, 4, 1, SIDE), tag(f, 258, 3, BANDS, bits), tag(f, 259, 3, 1, 1);
    tag(f, 262, 3, 1, 1), tag(f, 273, 4, 1, data), tag(f, 277, 3, 1, BANDS), tag(f, 278, 4, 1, SIDE);
    tag(f, 279, 4, 1, SIDE * SIDE * BANDS * 2), tag(f, 284, 3, 1, 1), put(f, 0, 4);
    for (int i = 0; i < BANDS; i++)
        put(f, 16, 2);
    for (int i = 0; i < SIDE * SIDE; i++)
        for (int k = 0; k < BANDS; k++)
            put(f, (unsigned)((i % SIDE < SIDE / 2 ? left : right) + 10 * k), 2);
}
int main(int argc, char **argv)
{
    png_byte at[SIDE * SIDE];
    int left = atoi(argv[3]), right = argc == 5 ? atoi(argv[4]) : 0;
    png_image m;
    memset(&m, 0, sizeof m);
    m.version = PNG_IMAGE_VERSION;
    m.format = PNG_FORMAT_GRAY;
    m.width = m.height = SIDE;
    for (int i = 0; i < SIDE * SIDE; i++)
        at[i] = (png_byte)(i % SIDE < SIDE / 2 ? left : right);
    if (strcmp(argv[1], "png") == 0)
        return !png_image_write_to_file(&m, argv[2], 0, at, 0, NULL);
    FILE *f = fopen(argv[2], "wb");
    (strcmp(argv[1], "jpg") == 0 ? jpeg : tiff)(f, left, right);
    return fclose(f);
}
END
"${CC:-cc}" -o draw draw.c -lpng -ljpeg || complain "no tool for images"
folders() { mkdir -p "$@"; }
folders mydata/images/train mydata/images/val mydata/labels/train mydata/labels/val mydata/weights/train
folders mypairs/A mypairs/B mypairs/label mybands/images mybands/labels
for name in a b c; do
    for part in train val; do
        ./draw jpg mydata/images/$part/$name.jpg 60 200
        ./draw png mydata/labels/$part/$name.png 0 1
    done
    ./draw png mydata/weights/train/$name.png 255 128
    ./draw jpg mypairs/A/$name.jpg 60 200
    ./draw jpg mypairs/B/$name.jpg 60 60
    ./draw png mypairs/label/$name.png 0 255
    ./draw tif mybands/images/$name.tif 300 4000
    ./draw png mybands/labels/$name.png 0 1
done
printf 'a\nc\n' > mydata/train.txt
cp -r mydata/labels plain

# The models that the page leaves out: those of the other tests, without their data.
sed '/^steps = /,/^test_evaluator/d' "$SOURCE/tests/cli/tiny.py" > model_1x.py
sed '/^img_norm_cfg/,/^optimizer = /{/^optimizer = /!d;}' "$SOURCE/tests/cli/tiny_0x.py" > model_0x.py

# Each block behind ```python becomes N.DIALECT.WHAT.txt.
awk '/^```python/ { n++; name = sprintf("%02d.%s.%s.txt", n, $2, $3 == "" ? "plain" : $3); on = 1; next }
     /^```/ { on = 0 } on { print > name }' "$page"
blocks=0
for block in [0-9][0-9].*.txt; do
    what=${block%.txt}
    dialect=$(echo "$what" | cut -d . -f 2)
    number=${what%%.*}
    { echo "_base_ = ['model_$dialect.py']"; cat "$block"; } > "snippet$number.py"
    rm -r mydata/labels && cp -r plain mydata/labels
    case $what in
    *.counted-from-1) for f in mydata/labels/train/*; do ./draw png "$f" 1 2; done ;;
    *.chosen) for f in mydata/labels/train/*; do ./draw png "$f" 2 4; done ;; # building, tree
    esac
    length=train_cfg.max_iters=2
    [ "$dialect" = 0x ] && length=runner.max_iters=2
    validate=--no-validate
    grep -q -e val_dataloader -e "  val=" "$block" && validate=
    # shellcheck disable=SC2086
    run 0 "$CSEG" train "snippet$number.py" --threads 1 --work-dir "work$number" $validate --cfg-options $length
    says_error "training data: looked at"
    check "$block has a checkpoint" [ -s "work$number/iter_2.pth" ]
    check "no warning for $block" [ "$(grep -c 'warning:' err.txt)" -eq 0 ]
    # Whether the data means what the page says: the same without the key that the block is about.
    case $what in
    *.counted-from-1) sed 's/reduce_zero_label=True,//; s/, reduce_zero_label=True//' "snippet$number.py" > without.py
        run 1 "$CSEG" train without.py --threads 1 --work-dir none --no-validate
        says_error "reduce_zero_label=True" ;;
    *.pairs) sed "/format_seg_map/d" "snippet$number.py" > without.py
        run 1 "$CSEG" train without.py --threads 1 --work-dir none --no-validate
        says_error "to_binary" ;;
    esac
    blocks=$((blocks + 1))
done
check "all blocks were found: $blocks" [ "$blocks" -eq "$(grep -c '^```python' "$page")" ]
check "there are blocks of both dialects" [ "$blocks" -ge 10 ]
# The two whole ones are tested too.
run 0 "$CSEG" test snippet01.py work01/iter_2.pth --threads 1
run 0 "$CSEG" test snippet02.py work02/iter_2.pth --eval mIoU --threads 1
finish
