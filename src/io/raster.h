/* Rasters of any size by windows, through GDAL; GeoTIFFs to write.
 * A raster or a writer is used by one thread at a time; different ones by different threads at once. GDAL's own
 * messages become the text of the cseg_error and reach nothing else. */
#ifndef IO_RASTER_H
#define IO_RASTER_H

#include "base/arena.h"
#include "io/image.h"

typedef struct raster raster;
typedef struct raster_writer raster_writer;

/* Where a raster lies on the earth. transform as GDAL has it: x = t[0] + t[1]*col + t[2]*row,
 * y = t[3] + t[4]*col + t[5]*row, for the upper left corner of pixel (row, col). */
typedef struct raster_place {
    bool has_transform;
    double transform[6];
    const char *projection; /* WKT; "" where none */
} raster_place;

typedef struct raster_info {
    int64_t h, w, bands;
    image_type type;    /* the smallest type here that holds all bands' samples */
    const char *stored; /* GDAL's name of the first band's type: "Byte", "UInt16", "Float64"... */
    const char *driver; /* "GTiff", "PNG"... */
    raster_place place;
    bool has_nodata; /* of the first band */
    double nodata;
    const char **names;     /* `bands` descriptions; "" where none */
    const uint8_t *palette; /* of the first band: palette_n colours, red, green, blue; NULL: none */
    int palette_n;
    int64_t block_h, block_w; /* windows that are multiples of these read fastest */
} raster_info;

/* Opens for reading; closed when `mem` goes, or earlier by raster_close. CSEG_NOT_FOUND, CSEG_CORRUPT (not a raster),
 * CSEG_UNSUPPORTED (complex samples, no bands). */
cseg_status raster_open(const char *path, arena *mem, raster **out, cseg_error *err);
/* From bytes in memory, which must outlive the raster; `name` is for messages. */
cseg_status raster_open_bytes(const void *bytes, size_t n, const char *name, arena *mem, raster **out, cseg_error *err);
void raster_close(raster *r);
const raster_info *raster_describe(const raster *r);

/* Fills `into` (its h, w, c, type say how much of what) from the window whose upper left pixel is (y, x).
 * bands: into->c zero-based numbers, or NULL for the first into->c. Samples are rounded and clamped where
 * into->type is narrower than the file's. The window must lie within the raster (CSEG_SHAPE). */
cseg_status raster_read(raster *r, int64_t y, int64_t x, const int *bands, image *into, cseg_error *err);

/* A window as image_read would give it: flags as there, IMAGE_IGNORE_ORIENTATION implied. *out is new. */
cseg_status raster_read_as(raster *r, const char *name, int64_t y, int64_t x, int64_t h, int64_t w, image_flags flags,
                           image *out, cseg_error *err);

/* What to create. */
typedef struct raster_spec {
    int64_t h, w, bands;
    image_type type;
    const raster_place *place; /* NULL: none */
    bool has_nodata;
    double nodata;
    const uint8_t *palette; /* one u8 band: palette_n colours, red, green, blue; NULL: none */
    int palette_n;
    const char *const *names; /* `bands` descriptions; NULL: none */
} raster_spec;

/* A tiled, DEFLATE-compressed GeoTIFF (BigTIFF where needed). It is written beside `path`; raster_commit syncs and
 * renames it, raster_abort (also when `mem` goes without commit) removes it. */
cseg_status raster_create(const char *path, const raster_spec *spec, arena *mem, raster_writer **out, cseg_error *err);
/* Writes from->c bands, beginning with first_band, at (y, x). from->type may differ from the file's (clamped). */
cseg_status raster_write(raster_writer *w, int64_t y, int64_t x, int first_band, const image *from, cseg_error *err);
cseg_status raster_commit(raster_writer *w, cseg_error *err);
void raster_abort(raster_writer *w);

#endif
