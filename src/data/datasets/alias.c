#include "data/datasets/alias.h"

#include <string.h>

#include "data/datasets/table.h"

static const char *const aliases[][2] = {
    {"cityscapes", "CityscapesDataset"},
    {"ade", "ADE20KDataset"},
    {"ade20k", "ADE20KDataset"},
    {"voc", "PascalVOCDataset"},
    {"pascal_voc", "PascalVOCDataset"},
    {"voc12", "PascalVOCDataset"},
    {"voc12aug", "PascalVOCDataset"},
    {"pcontext", "PascalContextDataset59"},
    {"pascal_context", "PascalContextDataset59"},
    {"voc2010", "PascalContextDataset59"},
    {"loveda", "LoveDADataset"},
    {"potsdam", "PotsdamDataset"},
    {"vaihingen", "ISPRSDataset"},
    {"cocostuff", "COCOStuffDataset"},
    {"cocostuff10k", "COCOStuffDataset"},
    {"cocostuff164k", "COCOStuffDataset"},
    {"coco-stuff", "COCOStuffDataset"},
    {"coco-stuff10k", "COCOStuffDataset"},
    {"coco-stuff164k", "COCOStuffDataset"},
    {"coco_stuff", "COCOStuffDataset"},
    {"coco_stuff10k", "COCOStuffDataset"},
    {"coco_stuff164k", "COCOStuffDataset"},
    {"isaid", "iSAIDDataset"},
    {"iSAID", "iSAIDDataset"},
    {"stare", "STAREDataset"},
    {"STARE", "STAREDataset"},
    {"LIP", "LIPDataset"},
    {"lip", "LIPDataset"},
    {"mapillary_v1", "MapillaryDataset_v1"},
    {"mapillary_v2", "MapillaryDataset_v2"},
    {"bdd100k", "BDD100KDataset"},
};

const char *const *dataset_classes_named(const char *name, size_t *n)
{
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++) {
        const dataset_kind *kind = strcmp(aliases[i][0], name) == 0 ? dataset_kind_find(aliases[i][1]) : NULL;
        if (!kind)
            continue;
        *n = (size_t)kind->n_classes;
        return kind->classes;
    }
    return NULL;
}
