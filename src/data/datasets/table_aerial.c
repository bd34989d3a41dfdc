/* Aerial and satellite images: classes and colours (red, green, blue) of MMSegmentation's datasets. */
#include "data/datasets/table_data.h"

const char *const classes_loveda[7] = {
    "background", "building", "road", "water", "barren", "forest", "agricultural",
};
const uint8_t palette_loveda[7][3] = {
    {255, 255, 255}, {255, 0, 0}, {255, 255, 0}, {0, 0, 255}, {159, 129, 183}, {0, 255, 0}, {255, 195, 128},
};

const char *const classes_isprs[6] = {
    "impervious_surface", "building", "low_vegetation", "tree", "car", "clutter",
};
const uint8_t palette_isprs[6][3] = {
    {255, 255, 255}, {0, 0, 255}, {0, 255, 255}, {0, 255, 0}, {255, 255, 0}, {255, 0, 0},
};

const char *const classes_isaid[16] = {
    "background",
    "ship",
    "store_tank",
    "baseball_diamond",
    "tennis_court",
    "basketball_court",
    "Ground_Track_Field",
    "Bridge",
    "Large_Vehicle",
    "Small_Vehicle",
    "Helicopter",
    "Swimming_pool",
    "Roundabout",
    "Soccer_ball_field",
    "plane",
    "Harbor",
};
const uint8_t palette_isaid[16][3] = {
    {0, 0, 0},     {0, 0, 63},  {0, 63, 63}, {0, 63, 0},  {0, 63, 127},  {0, 63, 191},  {0, 63, 255},  {0, 127, 63},
    {0, 127, 127}, {0, 0, 127}, {0, 0, 191}, {0, 0, 255}, {0, 191, 127}, {0, 127, 191}, {0, 127, 255}, {0, 100, 155},
};

const char *const classes_levir[2] = {
    "background",
    "changed",
};
const uint8_t palette_levir[2][3] = {
    {0, 0, 0},
    {255, 255, 255},
};

const char *const classes_change[2] = {
    "unchanged",
    "changed",
};
const uint8_t palette_change[2][3] = {
    {0, 0, 0},
    {255, 255, 255},
};

const char *const semantic_second[7] = {"unchanged", "water",    "ground",      "low vegetation",
                                        "tree",      "building", "sports field"};
const char *const semantic_landsat[5] = {"unchanged", "farmland", "desert", "building", "water"};
const char *const semantic_bandon[3] = {"background", "roofs", "facades"};
