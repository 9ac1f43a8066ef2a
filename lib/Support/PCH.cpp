#include "PCH.h"
