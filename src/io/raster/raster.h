/* Reads rasters of any size window by window, through GDAL, and writes GeoTIFFs.
 *
 *     raster *r;
 *     image window = {0};
 *     TRY(raster_open(path, mem, &r, err));
 *     TRY(raster_read_as(r, path, 0, 0, 512, 512, IMAGE_COLOR, &window, err));
 *
 * A raster or a writer is used by one thread at a time; different ones may be used by different threads at once. GDAL's
 * own messages go into the text of the cseg_error and nowhere else. */
#ifndef IO_RASTER_RASTER_H
#define IO_RASTER_RASTER_H

#include "base/arena.h"
#include "io/image/image.h"

typedef struct raster raster;
typedef struct raster_writer raster_writer;

/* A ground control point: x, y, z belong to pixel (line, pixel), both counted in fractions from the upper left corner.
 */
typedef struct raster_gcp {
    const char *id, *info;
    double pixel, line, x, y, z;
} raster_gcp;

/* Where a raster lies on the earth. transform as GDAL has it: x = t[0] + t[1]*col + t[2]*row,
 * y = t[3] + t[4]*col + t[5]*row, for the upper left corner of pixel (row, col). */
typedef struct raster_place {
    bool has_transform;
    double transform[6];
    const char *projection; /* WKT; "" where none */
    const raster_gcp *gcps; /* ground control points, n_gcps of them */
    int n_gcps;
    const char *gcp_projection; /* WKT of x, y, z; "" where none */
    const char *area_or_point;  /* what a sample stands for, "Area" or "Point"; "" if not stated */
    const char *const *rpc;     /* rational polynomials, "KEY=VALUE", NULL at the end; NULL: none, or not asked for */
} raster_place;

typedef struct raster_info {
    int64_t h, w, bands;
    image_type type;    /* the smallest type here that holds all bands' samples */
    const char *stored; /* GDAL's name of the first band's type: "Byte", "UInt16", "Float64"... */
    const char *driver; /* "GTiff", "PNG"... */
    raster_place place;
    bool has_nodata; /* of the first band */
    double nodata;
    bool has_alpha;         /* the last band is alpha: it says where there are data */
    const char **names;     /* `bands` descriptions; "" where none */
    const uint8_t *palette; /* of the first band: palette_n colours, red, green, blue; NULL: none */
    int palette_n;
    const char *const *categories; /* of the first band: what its values mean, categories_n names, "" where one has
                                      none; NULL: not stated */
    int categories_n;
    int64_t block_h, block_w; /* windows that are multiples of these read fastest */
} raster_info;

/* Opens a raster for reading; closed when `mem` goes, or earlier by raster_close. The first bytes of a file say what it
 * is; it is opened if that is a format that names neither addresses nor other files. "/vsizip/A.zip/B" is a file within
 * a local archive, "NETCDF:A:VARIABLE" a part of a file. A VRT is opened if its name ends in .vrt and its parts are
 * such files. CSEG_NOT_FOUND, CSEG_IO (not a regular file), CSEG_CORRUPT (not a raster, or larger than its file can
 * be), CSEG_UNSUPPORTED (names other files or addresses; complex samples, no bands). */
cseg_status raster_open(const char *path, arena *mem, raster **out, cseg_error *err);
/* Opens bytes in memory, which must outlive the raster; `name` is for messages. */
cseg_status raster_open_bytes(const void *bytes, size_t n, const char *name, arena *mem, raster **out, cseg_error *err);
void raster_close(raster *r);
const raster_info *raster_describe(const raster *r);
/* The EXIF orientation of a JPEG, 1 to 8, which image_read applies and raster_read does not; 1 for other formats, and
 * for those that know their place. */
int raster_orientation(const raster *r);
/* Adds the RPCs to what raster_describe gives. Looking for them costs as much as opening, so it is not done by default.
 */
cseg_status raster_describe_rpc(raster *r, cseg_error *err);
/* Makes a raster be what a file of these bands alone would be, in this order: info, reading and what has no data
 * follow. bands: n numbers from 1; a band may come twice. A mask of the file and its alpha still say where it has no
 * data. CSEG_USAGE names a band that it does not have. */
cseg_status raster_select(raster *r, const int64_t *bands, size_t n, cseg_error *err);
/* Lets GDAL open all that it can from now on: addresses, and files that name others. For the whole process, before the
 * first raster, and only if the user has asked for it. */
void raster_allow_remote(void);
/* The bytes of decoded blocks that GDAL may keep, of all rasters together. */
void raster_limit_cache(int64_t bytes);

/* Fills `into` (its h, w, c, type say how much of what) from the window whose upper left pixel is (y, x). bands:
 * into->c zero-based numbers, or NULL for the first into->c. Samples are rounded and clamped if into->type is narrower
 * than the file's. The window must lie within the raster (CSEG_SHAPE). */
cseg_status raster_read(raster *r, int64_t y, int64_t x, const int *bands, image *into, cseg_error *err);

/* holes [h,w]: 1 where the window has no data, else 0. *n (may be NULL) counts them. A pixel has no data if the
 * dataset's mask (within the file or beside it) or its alpha is 0 there, or if all bands that can tell say so: by their
 * nodata value, by a mask of their own, by NaN. */
cseg_status raster_read_holes(raster *r, int64_t y, int64_t x, int64_t h, int64_t w, uint8_t *holes, int64_t *n,
                              cseg_error *err);

/* Computes the place of a window whose upper left pixel is (y, x). */
cseg_status raster_place_shift(const raster_place *place, int64_t y, int64_t x, arena *mem, raster_place *out,
                               cseg_error *err);

/* Finds the plane through the ground control points. *fits false: there is none; with `exact`, also if a point lies
 * further than a quarter of a pixel from it. */
cseg_status raster_place_fit(const raster_place *place, bool exact, double transform[6], bool *fits, cseg_error *err);

/* In what a coordinate system measures. */
typedef struct raster_units {
    enum { UNITS_NONE, UNITS_PLANE, UNITS_GLOBE } kind; /* NONE: no system, an unreadable one, or no known unit */
    double metre;                                       /* of one unit; UNITS_PLANE */
    bool is_mercator;
    double axis, flattening, radian; /* UNITS_GLOBE: semi-major axis in metres; radians of one unit */
} raster_units;
cseg_status raster_units_of(const char *wkt, raster_units *out, cseg_error *err);

typedef enum {
    PLACE_SAME,    /* corners within a quarter of a pixel, and the same coordinate system if both are known */
    PLACE_UNKNOWN, /* only one knows its place, or they state it in ways that cannot be compared */
    PLACE_NOWHERE, /* neither knows its place */
    PLACE_ELSEWHERE
} place_relation;
/* Compares two rasters of one size. `how` says in words where each lies; for PLACE_ELSEWHERE and PLACE_UNKNOWN. */
typedef struct place_difference {
    char a[300], b[300];
} place_difference;
place_relation raster_place_compare(const raster_info *a, const raster_info *b, place_difference *how);
/* The rule for two rasters that are used pixel by pixel, such as a mask and its scene, or two dates. PLACE_ELSEWHERE is
 * CSEG_DATA with both places, or with `force` a warning; PLACE_UNKNOWN is a warning. */
cseg_status raster_same_place(const char *name_a, const raster_info *a, const char *name_b, const raster_info *b,
                              bool force, cseg_error *err);

/* How the grid of b differs from that of a; the first of these that does. */
typedef enum {
    PAIR_ALIKE,    /* the same pixels of the same size at the same place */
    PAIR_UNKNOWN,  /* a or b does not say where it lies by a transform or control points */
    PAIR_SYSTEM,   /* coordinate systems */
    PAIR_PIXELS,   /* sizes or directions of pixels */
    PAIR_FRACTION, /* shifted by parts of a pixel */
    PAIR_EXTENT,   /* shifted by whole pixels, or of another size */
    PAIR_APART     /* they have no pixel in common */
} pair_relation;
typedef struct pair_difference {
    pair_relation relation;
    char text[600];     /* what differs, in words and numbers; "" for PAIR_ALIKE */
    double column, row; /* of b's first pixel, counted in a's pixels; from PAIR_FRACTION on */
} pair_difference;
/* Compares coordinate system, grid and extent. */
void raster_pair_compare(const raster_info *a, const raster_info *b, pair_difference *out);

typedef struct pair_options {
    bool warp;    /* b is brought onto a's grid if it has another one; else that is an error */
    bool force;   /* rasters of one size are taken pixel by pixel, with a warning, wherever they lie */
    bool nearest; /* each pixel of b that is made is one of b's (labels); else bilinear */
} pair_options;
/* Gives b on the grid of a: b itself if they are alike, else a raster of a's size that warps as it is read, window by
 * window. It has b's bands and type; where b has nothing it has no data (raster_read_holes). It lives in `mem` and
 * reads through b, which must outlive it; both are used by one thread. Nothing is opened for it. CSEG_DATA says what
 * differs, or that they do not overlap; CSEG_UNSUPPORTED: b cannot be warped. */
cseg_status raster_pair_align(const char *name_a, const raster *a, const char *name_b, raster *b, const pair_options *o,
                              arena *mem, raster **out, cseg_error *err);
/* The rule for a raster that is shown over another, of whatever size: column and row of `b` are brought to those of `a`
 * by b_to_a (as raster_place.transform: col = m[0] + m[1]*col_b + m[2]*row_b...). CSEG_DATA with both places: they do
 * not meet, or their coordinate systems differ. Of equal sizes where a place is not known: pixel by pixel, as
 * raster_same_place has it; of other sizes: CSEG_SHAPE. */
cseg_status raster_place_onto(const char *name_a, const raster_info *a, const char *name_b, const raster_info *b,
                              double b_to_a[6], cseg_error *err);

/* Reads a window as image_read would give it: flags as there, IMAGE_IGNORE_ORIENTATION implied. *out is new. */
cseg_status raster_read_as(raster *r, const char *name, int64_t y, int64_t x, int64_t h, int64_t w, image_flags flags,
                           image *out, cseg_error *err);

/* What to create. */
typedef struct raster_spec {
    int64_t h, w, bands;
    image_type type;
    const raster_place *place; /* NULL: none */
    bool has_nodata;
    double nodata;
    bool has_alpha;         /* the last band is alpha; else no band is, however many there are */
    const uint8_t *palette; /* one u8 band: palette_n colours, red, green, blue; NULL: none */
    int palette_n;
    const char *const *names;   /* `bands` descriptions; NULL: none */
    const char *const *classes; /* of a mask: what its numbers mean, n_classes of them; in the file's metadata (CLASS_0,
                                   ...) and as GDAL's category names beside it (.aux.xml); NULL: not said */
    int n_classes;
    double scale; /* a sample times this is the value; 0: the sample is */
} raster_spec;

/* Creates a tiled, DEFLATE-compressed GeoTIFF (BigTIFF if needed), written beside `path`. raster_commit syncs and
 * renames it; raster_abort, or `mem` going without a commit, removes it. */
cseg_status raster_create(const char *path, const raster_spec *spec, arena *mem, raster_writer **out, cseg_error *err);
/* Writes from->c bands, beginning with first_band, at (y, x). from->type may differ from the file's (clamped). */
cseg_status raster_write(raster_writer *w, int64_t y, int64_t x, int first_band, const image *from, cseg_error *err);
cseg_status raster_commit(raster_writer *w, cseg_error *err);
void raster_abort(raster_writer *w);

/* Rows and columns of a raster, in a GeoTIFF of their own. */
typedef struct raster_part {
    const char *path;
    int64_t y, x, h, w;
} raster_part;

typedef struct raster_join_options {
    const raster_part *parts;
    size_t n;
    const char
        *temporary; /* a name on the same file system, under which it is made; GDAL's own files lie beside that */
    bool plain;     /* a tiled GeoTIFF with overviews, not a COG */
    int threads;    /* that compress; 0: one */
    /* May be NULL. Called often, with 0 to 1; false from it stops (CSEG_INTERRUPTED). */
    bool (*progress)(void *arg, double done);
    void *arg;
} raster_join_options;
/* Makes one raster of its parts, which have spec's bands and type: a cloud-optimised GeoTIFF (tiled, compressed, with
 * overviews, BigTIFF if needed). Synced and renamed when it is whole. Pixels of no part are nodata, or 0. */
cseg_status raster_join(const char *path, const raster_spec *spec, const raster_join_options *o, cseg_error *err);

#endif
