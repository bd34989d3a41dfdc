#define _GNU_SOURCE /* struct stat64, by which GDAL tells of files */
#include "io/raster/raster_source.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <cpl_vsi.h>

#include "base/file.h"
#include "base/str.h"
#include "io/raster/gdal_scope.h"

static const char remedy[] = "--allow-remote opens it";

/* What a file's first bytes say. */
typedef enum { HEAD_WHOLE, HEAD_VRT, HEAD_NETCDF, HEAD_TIFF, HEAD_PNG } head_kind;

typedef struct head {
    char bytes[2049]; /* a NUL behind */
    size_t n;
    int64_t size; /* of the file */
} head;

bool raster_source_has_prefix(const char *path)
{
    size_t n = strcspn(path, "/:");
    return path[n] == ':';
}

static bool starts(const head *h, const char *bytes, size_t n)
{
    return h->n >= n && memcmp(h->bytes, bytes, n) == 0;
}

/* ---- archives ------------------------------------------------------------------------------------------------- */

static const char *const archives[] = {"/vsizip/", "/vsitar/", "/vsigzip/"};

static bool in_archive(const char *path)
{
    for (size_t i = 0; i < sizeof archives / sizeof *archives; i++)
        if (str_starts(path, archives[i]))
            return true;
    return false;
}

/* The archive itself must be a local file: it is what stands in braces, or the longest beginning of the path that is a
 * file. */
static cseg_status check_archive(const char *path, cseg_error *err)
{
    char name[4096];
    const char *rest = strchr(path + 1, '/') + 1;
    if (strstr(rest, "/vsi") || strstr(rest, "://"))
        return fail(err, CSEG_UNSUPPORTED, "%s: is an archive that is no local file; %s", path, remedy);
    size_t n = *rest == '{' ? strcspn(++rest, "}") : strlen(rest);
    if (n >= sizeof name)
        return fail(err, CSEG_NOT_FOUND, "%.200s...: no such file", path);
    memcpy(name, rest, n);
    name[n] = 0;
    for (;;) {
        char *slash = strrchr(name, '/');
        if (file_exists(name))
            return file_check(name, err);
        if (!slash || slash == name)
            return fail(err, CSEG_NOT_FOUND, "%s: no such archive", path);
        *slash = 0;
    }
}

/* ---- first bytes ---------------------------------------------------------------------------------------------- */

static cseg_status read_head(const char *path, head *h, cseg_error *err)
{
    if (!in_archive(path)) {
        FILE *f;
        TRY(file_open_stream(path, &f, &h->size, err));
        setvbuf(f, NULL, _IONBF, 0);
        h->n = fread(h->bytes, 1, sizeof h->bytes - 1, f);
        cseg_status status = ferror(f) ? fail_errno(err, path, "read") : CSEG_OK;
        fclose(f);
        h->bytes[h->n] = 0;
        return status;
    }
    VSILFILE *f = VSIFOpenL(path, "rb");
    VSIStatBufL st;
    if (!f || VSIStatL(path, &st) != 0) {
        if (f)
            VSIFCloseL(f);
        return fail(err, CSEG_NOT_FOUND, "%s: there is no such file in the archive", path);
    }
    h->size = (int64_t)st.st_size;
    h->n = VSIFReadL(h->bytes, 1, sizeof h->bytes - 1, f);
    h->bytes[h->n] = 0;
    VSIFCloseL(f);
    return CSEG_OK;
}

static const char *skip_blanks(const char *p)
{
    if (strncmp(p, "\xef\xbb\xbf", 3) == 0)
        p += 3;
    return p + strspn(p, " \t\r\n");
}

/* The name of the first element of XML, "" if there is none. */
static void root_name(const char *p, char name[static 64])
{
    *name = 0;
    while ((p = strchr(p, '<'))) {
        p++;
        size_t n = strcspn(p, " \t\r\n/>");
        if (*p == '?' || *p == '!' || n == 0)
            continue;
        snprintf(name, 64, "%.*s", n < 63 ? (int)n : 63, p);
        for (char *c = name; *c; c++)
            if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
                *c = '?';
        return;
    }
}

static cseg_status refuse_xml(const char *path, const char *text, cseg_error *err)
{
    char name[64];
    root_name(text, name);
    if (strncasecmp(text, "<!doctype html", 14) == 0 || strcasecmp(name, "html") == 0)
        return fail(err, CSEG_CORRUPT, "%s: is an HTML page, not an image (an error page in place of a download?)",
                    path);
    return fail(err, CSEG_UNSUPPORTED,
                "%s: holds no pixels but XML (<%s>), which names files or addresses to read them from; %s", path, name,
                remedy);
}

/* Kinds that are refused, whatever the file's name is. */
static cseg_status classify(const char *path, const head *h, head_kind *kind, cseg_error *err)
{
    static const struct {
        const char *bytes, *what;
    } named[] = {{"\x89HDF\r\n\x1a\n", "HDF5 or netCDF-4"},
                 {"SQLite format 3", "a database (GeoPackage, MBTiles)"},
                 {"{", "JSON"},
                 {"version https://git-lfs", "a Git LFS pointer, not the file that it stands for"}};
    const char *text = skip_blanks(h->bytes);
    *kind = HEAD_WHOLE;
    if (strstr(h->bytes, "<VRTDataset"))
        *kind = HEAD_VRT;
    else if (*text == '<')
        return refuse_xml(path, text, err);
    else if (starts(h, "CDF\1", 4) || starts(h, "CDF\2", 4) || starts(h, "CDF\5", 4))
        *kind = HEAD_NETCDF;
    else if (starts(h, "II*\0", 4) || starts(h, "MM\0*", 4) || starts(h, "II+\0", 4) || starts(h, "MM\0+", 4))
        *kind = HEAD_TIFF;
    else if (starts(h, "\x89PNG", 4))
        *kind = HEAD_PNG;
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        if (*kind != HEAD_WHOLE || strncmp(text, named[i].bytes, strlen(named[i].bytes)) != 0)
            continue;
        if (str_starts(named[i].bytes, "version"))
            return fail(err, CSEG_CORRUPT, "%s: is %s", path, named[i].what);
        return fail(err, CSEG_UNSUPPORTED, "%s: is %s, which can name addresses or other files to read from; %s", path,
                    named[i].what, remedy);
    }
    return CSEG_OK;
}

/* libpng allocates what a chunk claims as its length before it reads the chunk; pixels come later. */
static cseg_status check_png(const char *path, const head *h, cseg_error *err)
{
    VSILFILE *f = VSIFOpenL(path, "rb");
    cseg_status status = CSEG_OK;
    if (!f)
        return fail(err, CSEG_IO, "%s: cannot be opened", path);
    for (int64_t at = 8;;) {
        uint8_t c[8];
        if (VSIFSeekL(f, (vsi_l_offset)at, SEEK_SET) != 0 || VSIFReadL(c, 1, 8, f) != 8 ||
            memcmp(c + 4, "IDAT", 4) == 0)
            break; /* an early end is found by the reader */
        int64_t n = (int64_t)c[0] << 24 | c[1] << 16 | c[2] << 8 | c[3];
        if (n > h->size - at - 8) {
            status =
                fail(err, CSEG_CORRUPT, "%s: damaged or truncated PNG at byte %lld of %lld: the file ends too early",
                     path, (long long)at, (long long)h->size);
            break;
        }
        at += 12 + n;
    }
    VSIFCloseL(f);
    return status;
}

/* ---- beside the file ------------------------------------------------------------------------------------------ */

static bool beside(const char *path, VSIStatBufL *st)
{
    return VSIStatExL(path, st, VSI_STAT_EXISTS_FLAG | VSI_STAT_NATURE_FLAG) == 0;
}

/* GDAL opens masks and overviews with any driver, so they must be TIFF (or Erdas) themselves. Nothing beside the file
 * is waited for. */
static cseg_status check_beside(const char *path, cseg_error *err)
{
    static const char *const rasters[] = {".msk", ".MSK", ".ovr", ".OVR"}, *const texts[] = {".aux.xml"},
                             *const of_stem[] = {".aux", ".hdr", ".prj", ".wld", ".tfw",     ".pgw",
                                                 ".jgw", ".tab", ".RPB", ".IMD", "_RPC.TXT", "_rpc.txt"};
    char name[4096];
    VSIStatBufL st;
    size_t stem = strlen(path) - strlen(path_ext(path));
    for (size_t i = 0; i < sizeof rasters / sizeof *rasters; i++) {
        head h;
        head_kind kind;
        snprintf(name, sizeof name, "%s%s", path, rasters[i]);
        if (!beside(name, &st))
            continue;
        TRY(read_head(name, &h, err));
        TRY(classify(name, &h, &kind, err));
        if (kind != HEAD_TIFF && !starts(&h, "EHFA", 4))
            return fail(err, CSEG_UNSUPPORTED, "%s: lies beside %s as its mask or overview, but is no TIFF; remove it",
                        name, path_base(path));
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts + sizeof of_stem / sizeof *of_stem; i++) {
        if (i == 0)
            snprintf(name, sizeof name, "%s%s", path, texts[0]);
        else
            snprintf(name, sizeof name, "%.*s%s", (int)stem, path, of_stem[i - 1]);
        if (beside(name, &st) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
            TRY(file_check(name, err));
    }
    return CSEG_OK;
}

/* ---- all of it ------------------------------------------------------------------------------------------------ */

static bool is_named_vrt(const char *path)
{
    return strcasecmp(path_ext(path), ".vrt") == 0;
}

static cseg_status check_file(const char *path, raster_vrts *around, const char *const **drivers, cseg_error *err)
{
    static const char *const vrt[] = {"VRT", NULL}, *const netcdf[] = {"netCDF", NULL};
    head h;
    head_kind kind;
    TRY(read_head(path, &h, err));
    TRY(classify(path, &h, &kind, err));
    *drivers = kind == HEAD_VRT ? vrt : kind == HEAD_NETCDF ? netcdf : gdal_whole_drivers();
    if (kind == HEAD_VRT && !is_named_vrt(path))
        return fail(err, CSEG_UNSUPPORTED,
                    "%s: holds no pixels but a VRT, XML that names other files to read them from; if it is meant, give "
                    "it a name that ends in .vrt",
                    path);
    if (kind == HEAD_VRT)
        TRY(raster_vrt_check(path, around, err));
    if (kind == HEAD_PNG)
        TRY(check_png(path, &h, err));
    return check_beside(path, err);
}

cseg_status raster_source_check_part(const char *path, raster_vrts *around, cseg_error *err)
{
    const char *const *ignored;
    if (in_archive(path))
        TRY(check_archive(path, err));
    return check_file(path, around, &ignored, err);
}

/* "NETCDF:FILE:VARIABLE", FILE perhaps in quotes, and "GTIFF_DIR:NUMBER:FILE": a part of a file. */
static cseg_status check_subdataset(const char *path, const char *const **drivers, cseg_error *err)
{
    static const char *const netcdf[] = {"netCDF", NULL}, *const tiff[] = {"GTiff", NULL};
    char name[4096];
    const char *from = strchr(path, ':') + 1;
    head h;
    head_kind kind;
    bool is_netcdf = str_starts(path, "NETCDF:");
    size_t n;
    if (is_netcdf) {
        const char *colon = strrchr(from, ':');
        n = *from == '"' ? strcspn(++from, "\"") : colon ? (size_t)(colon - from) : strlen(from);
    } else {
        from = strchr(from, ':') ? strchr(from, ':') + 1 : from;
        n = strlen(from);
    }
    snprintf(name, sizeof name, "%.*s", n < sizeof name ? (int)n : (int)sizeof name - 1, from);
    if (!file_exists(name) || raster_source_has_prefix(name))
        return fail(err, CSEG_NOT_FOUND, "%s: no such file", name);
    TRY(read_head(name, &h, err));
    TRY(classify(name, &h, &kind, err));
    if (kind != (is_netcdf ? HEAD_NETCDF : HEAD_TIFF))
        return fail(err, CSEG_CORRUPT, "%s: is not what %s speaks of", name, path);
    *drivers = is_netcdf ? netcdf : tiff;
    return check_beside(name, err);
}

static cseg_status check_any(const char *path, cseg_error *err)
{
    struct stat st;
    if (stat(path, &st) == 0)
        return S_ISDIR(st.st_mode) ? CSEG_OK : file_check(path, err);
    return str_starts(path, "/vsi") || strchr(path, ':') ? CSEG_OK
                                                         : fail(err, CSEG_NOT_FOUND, "%s: no such file", path);
}

cseg_status raster_source_check(const char *path, arena *mem, const char **wanted, const char *const **drivers,
                                cseg_error *err)
{
    raster_vrts around = {0};
    *wanted = path;
    *drivers = NULL;
    if (gdal_remote_allowed())
        return check_any(path, err);
    if (file_exists(path)) {
        if (raster_source_has_prefix(path) && !(*wanted = arena_printf(mem, "./%s", path)))
            return fail_memory(err);
        return check_file(*wanted, &around, drivers, err);
    }
    if (in_archive(path)) {
        TRY(check_archive(path, err));
        return check_file(path, &around, drivers, err);
    }
    if (str_starts(path, "NETCDF:") || str_starts(path, "GTIFF_DIR:"))
        return check_subdataset(path, drivers, err);
    if (str_starts(path, "/vsi") || strstr(path, "://"))
        return fail(err, CSEG_UNSUPPORTED, "%s: is no local file; %s", path, remedy);
    return fail(err, CSEG_NOT_FOUND, "%s: no such file", path);
}
