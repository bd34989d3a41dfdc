/* What cseg infer makes of a mask that is finished: polygons, areas, pictures, a page. */
#ifndef CLI_INFER_PRODUCTS_H
#define CLI_INFER_PRODUCTS_H

#include "cli/options.h"

typedef struct product_args {
    const char *vector;
    str_list dates;
    double min_area, simplify;
    bool stats, html;
} product_args;

#define OPTIONS_PRODUCTS(struct_, member_)                                                                             \
    {.names = "--vector",                                                                                              \
     .type = O_STR,                                                                                                    \
     .offset = offsetof(struct_, member_.vector),                                                                      \
     .value = "FILE|TYPE",                                                                                             \
     .about = "polygons of the mask: FILE for one scene (.gpkg, .geojson, .shp), or a TYPE (gpkg, geojson, shp) for "  \
              "NAME.TYPE beside each mask"},                                                                           \
        {.names = "--min-area",                                                                                        \
         .type = O_FLOAT,                                                                                              \
         .offset = offsetof(struct_, member_.min_area),                                                                \
         .value = "M2",                                                                                                \
         .about = "leave out polygons smaller than this many square metres"},                                          \
        {.names = "--simplify",                                                                                        \
         .type = O_FLOAT,                                                                                              \
         .offset = offsetof(struct_, member_.simplify),                                                                \
         .value = "M",                                                                                                 \
         .about = "simplify the polygons' borders, by at most this many metres"},                                      \
        {.names = "--dates",                                                                                           \
         .type = O_LIST,                                                                                               \
         .offset = offsetof(struct_, member_.dates),                                                                   \
         .value = "DATE",                                                                                              \
         .about = "the dates of a change, first and second, as attributes of its polygons"},                           \
        {.names = "--stats",                                                                                           \
         .type = O_FLAG,                                                                                               \
         .offset = offsetof(struct_, member_.stats),                                                                   \
         .about = "write each class's area as NAME_area.json and NAME_area.csv"},                                      \
    {                                                                                                                  \
        .names = "--html", .type = O_FLAG, .offset = offsetof(struct_, member_.html),                                  \
        .about = "write NAME.html, a page of its own with a divider between scene and map, legend and areas"           \
    }

typedef struct product_input {
    const char *scene, *second;    /* second: NULL for one date */
    const char *mask, *confidence; /* confidence: NULL: there is none */
    const char *stem;              /* the mask's path without its ending */
    const char *picture;           /* where a picture of scene and map goes; NULL: nowhere */
    const char *config, *checkpoint;
    double opacity;
} product_input;

/* Whether anything is asked for that is made of a mask's file, and of the confidence beside it. */
bool products_asked(const product_args *o);
/* CSEG_USAGE: --vector names one file, and there are several scenes; a type that is not known; too many dates. */
cseg_status products_check(const product_args *o, size_t scenes, cseg_error *err);
/* The path of the polygons; NULL: none are asked for, or (*err says so) out of memory. */
const char *products_vector(const product_args *o, const char *stem, arena *mem);
cseg_status products_make(const product_args *o, const product_input *in, arena *mem, cseg_error *err);

#endif
